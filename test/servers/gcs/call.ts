/** One request as the calls see it: path, parameters that occur once and are known, headers, body. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { badRequest } from './errors.js';

export type Query = Readonly<Record<string, string>>;

/** Parameters of every JSON call: https://cloud.google.com/storage/docs/json_api/v1/parameters */
const COMMON = new Set(['alt', 'fields', 'prettyPrint', 'userProject', 'quotaUser', 'key']);

export class Call {
  readonly method: string;
  /** As it was sent, without the query. */
  readonly rawPath: string;
  readonly rawQuery: string;

  constructor(
    readonly req: IncomingMessage,
    readonly res: ServerResponse,
  ) {
    this.method = req.method!;
    const [path = '', ...rest] = req.url!.split('?');
    this.rawPath = path;
    this.rawQuery = rest.join('?');
  }

  header(name: string): string | undefined {
    const value = this.req.headers[name];
    return Array.isArray(value) ? value.join(',') : value;
  }

  /** The parameters, each once. @throws Refusal for unknown or repeated ones */
  query(known: readonly string[]): Query {
    const found: Record<string, string> = {};
    for (const [name, value] of new URLSearchParams(this.rawQuery)) {
      if (!known.includes(name) && !COMMON.has(name)) {
        throw badRequest(`Unknown name "${name}": Cannot bind query parameter.`, 'badRequest');
      }
      if (name in found) throw badRequest(`Repeated parameter "${name}".`, 'badRequest');
      found[name] = value;
    }
    const { alt = 'json' } = found;
    if (alt !== 'json' && alt !== 'media') throw badRequest(`Invalid value for alt: ${alt}`);
    return found;
  }

  body(): Promise<Buffer> {
    return buffer(this.req);
  }

  /** The body as a JSON object; empty bodies are empty objects. */
  async jsonBody(): Promise<Record<string, unknown>> {
    const bytes = await this.body();
    return bytes.length === 0 ? {} : parsedObject(bytes);
  }
}

export function parsedObject(bytes: Buffer): Record<string, unknown> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(bytes.toString());
  } catch {
    throw badRequest('Parse Error', 'parseError');
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw badRequest('Parse Error', 'parseError');
  }
  return parsed as Record<string, unknown>;
}
