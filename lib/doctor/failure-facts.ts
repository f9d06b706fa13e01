/** What an error and its causes say, in whatever shape libraries throw it. */
import { StorageError, type StorageErrorCode } from '../contract/index.js';
import { codeOf } from '../disk/errno.js';

export interface FailureFacts {
  /** Names and codes of the error and its causes: `ECONNREFUSED`, `NoSuchBucket`, `credentialsRefused`. */
  readonly codes: ReadonlySet<string>;
  /** Status of the store's answer, where there was one. */
  readonly status: number | undefined;
  /** Why, in the storage's own words, where it is an error of the storage. */
  readonly reason: StorageErrorCode | undefined;
  /** All messages, one after the other. */
  readonly text: string;
  /** Region that the store named as the right one. */
  readonly region: string | undefined;
}

/** What is read of an error. */
interface Told {
  readonly name?: unknown;
  readonly code?: unknown;
  readonly Code?: unknown;
  readonly reason?: unknown;
  readonly status?: unknown;
  readonly message?: unknown;
  readonly Region?: unknown;
  readonly cause?: unknown;
  readonly errors?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: unknown };
  readonly $response?: { readonly headers?: Readonly<Record<string, unknown>> };
}

const DEEPEST = 8;

function chainOf(error: unknown): Told[] {
  const chain: Told[] = [];
  for (let at: unknown = error; typeof at === 'object' && at !== null && chain.length < DEEPEST;) {
    const told = at as Told;
    chain.push(told);
    // Of several attempts at one host (both kinds of addresses) each failed; the first says why as well as any.
    at = told.cause ?? (Array.isArray(told.errors) ? told.errors[0] : undefined);
  }
  return chain;
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
const isStatus = (value: unknown): value is number => typeof value === 'number' && value >= 100 && value < 600;

export function factsOf(error: unknown): FailureFacts {
  const chain = chainOf(error);
  const texts = chain.map(({ message }) => message).filter(isText);
  // Some libraries put the code of the network into the message alone.
  const inTexts = texts.flatMap((text) => text.match(/\bE[A-Z]{4,}\b/g) ?? []);
  const named = chain.flatMap((told) => [told.name, codeOf(told), told.Code, told.reason]).filter(isText);
  const statuses = chain.flatMap(({ status, $metadata }) => [status, $metadata?.httpStatusCode]);
  const regions = chain.flatMap(({ Region, $response }) => [Region, $response?.headers?.['x-amz-bucket-region']]);
  return {
    codes: new Set([...named, ...inTexts]),
    status: statuses.find(isStatus),
    reason: chain.find((told) => told instanceof StorageError)?.code as StorageErrorCode | undefined,
    text: texts.join('\n'),
    region: regions.find(isText),
  };
}
