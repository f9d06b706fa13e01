/** Partial answers: https://cloud.google.com/storage/docs/json_api#partial-response */
import { badRequest, type Refusal } from './errors.js';

type Mask = Map<string, Mask | undefined>;

/** Names that an answer may have, and what is in them; `any` holds whatever clients put there. */
export interface Shape {
  readonly [name: string]: Shape | 'value' | 'any';
}

function names(...all: readonly string[]): Shape {
  return Object.fromEntries(all.map((name) => [name, 'value']));
}

/** https://cloud.google.com/storage/docs/json_api/v1/objects#resource, without ACLs: access is uniform here. */
export const OBJECT: Shape = {
  ...names('kind', 'id', 'selfLink', 'mediaLink', 'name', 'bucket', 'generation', 'metageneration', 'contentType'),
  ...names('storageClass', 'size', 'md5Hash', 'crc32c', 'etag', 'timeCreated', 'updated', 'timeDeleted', 'customTime'),
  ...names('timeStorageClassUpdated', 'timeFinalized', 'softDeleteTime', 'hardDeleteTime', 'temporaryHold'),
  ...names('eventBasedHold', 'retentionExpirationTime', 'kmsKeyName', 'componentCount', 'contentLanguage'),
  ...names('cacheControl', 'contentDisposition', 'contentEncoding', 'restoreToken'),
  retention: names('mode', 'retainUntilTime'),
  customerEncryption: names('encryptionAlgorithm', 'keySha256'),
  metadata: 'any',
  contexts: 'any',
};

export const LISTING: Shape = { ...names('kind', 'nextPageToken', 'prefixes'), items: OBJECT };

export const REWRITE: Shape = {
  ...names('kind', 'totalBytesRewritten', 'objectSize', 'done', 'rewriteToken'),
  resource: OBJECT,
};

function invalid(text: string): Refusal {
  return badRequest(`Invalid field selection ${text}`, 'invalidParameter');
}

/** Reads `a,b(c,d)`. @throws Refusal */
function parsedMask(text: string): Mask {
  const tokens = text.match(/[A-Za-z0-9_*]+|[(),]/g) ?? [];
  if (tokens.join('') !== text) throw invalid(text);
  let at = 0;
  const read = (): Mask => {
    const mask: Mask = new Map();
    for (;;) {
      const name = tokens[at++];
      if (name === undefined || /[(),]/.test(name)) throw invalid(text);
      if (tokens[at] === '(') {
        at++;
        mask.set(name, read());
        if (tokens[at++] !== ')') throw invalid(text);
      } else {
        mask.set(name, undefined);
      }
      if (tokens[at] !== ',') return mask;
      at++;
    }
  };
  const mask = read();
  if (at !== tokens.length) throw invalid(text);
  return mask;
}

function assertKnown(mask: Mask, shape: Shape): void {
  for (const [name, inner] of mask) {
    if (name === '*') continue;
    const known = Object.hasOwn(shape, name) ? shape[name] : undefined;
    if (known === undefined || (inner && known === 'value')) throw invalid(name);
    if (inner && typeof known === 'object') assertKnown(inner, known);
  }
}

/** To be asked before anything is carried out. @throws Refusal for a malformed selection, and for unknown names */
export function assertFields(fields: string | undefined, shape: Shape): void {
  if (fields !== undefined) assertKnown(parsedMask(fields), shape);
}

function masked(value: unknown, mask: Mask): unknown {
  if (Array.isArray(value)) return value.map((entry: unknown) => masked(entry, mask));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => mask.has(name) || mask.has('*'))
      .map(([name, entry]): [string, unknown] => {
        const inner = mask.get(name);
        return [name, inner ? masked(entry, inner) : entry];
      }),
  );
}

/** @throws Refusal as assertFields() */
export function partial(value: Record<string, unknown>, fields: string | undefined, shape: Shape): unknown {
  assertFields(fields, shape);
  return fields === undefined ? value : masked(value, parsedMask(fields));
}
