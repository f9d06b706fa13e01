/** Requests for URLs, checked once for every backend. */
import {
  InvalidOptionsError,
  NotSupportedError,
  type GetBinding,
  type ImageTransform,
  type PutBinding,
  type ResponseDisposition,
  type StorageErrorDetails,
} from '../contract/index.js';
import type { StorageServiceSettings } from './storage-options.js';
import { checkedCount } from './write-options.js';

const DEFAULT_EXPIRATION = 3600;
/** Seconds: 7 days. */
export const DEFAULT_MAX_EXPIRATION = 604_800;

/** Seconds that a URL shall live. @throws InvalidOptionsError */
export function checkedExpiry(
  asked: number | undefined,
  settings: StorageServiceSettings,
  details: StorageErrorDetails,
): number {
  const most = settings.maxUrlExpiration ?? DEFAULT_MAX_EXPIRATION;
  const expiresIn = asked ?? Math.min(settings.urlExpiration ?? DEFAULT_EXPIRATION, most);
  checkedCount('expiresIn (seconds)', expiresIn, 1, details);
  if (expiresIn > most) {
    throw new InvalidOptionsError({
      ...details,
      reason: `expiresIn of ${expiresIn} seconds is over the maximum of ${most}`,
      advice: 'Ask for less, or raise urls.maxExpiresIn (STORAGE_MAX_URL_EXPIRATION).',
    });
  }
  return expiresIn;
}

/** @throws NotSupportedError when a URL cannot bind what was asked */
export function assertBindings(
  bindings: readonly (GetBinding | PutBinding)[],
  asked: Partial<Record<GetBinding | PutBinding, boolean>>,
  details: StorageErrorDetails,
): void {
  // Without URLs of any kind the backend's own refusal says more.
  if (bindings.length === 0) return;
  const missing = Object.entries(asked)
    .filter(([name, wanted]) => wanted && !(bindings as readonly string[]).includes(name))
    .map(([name]) => name);
  if (missing.length === 0) return;
  throw new NotSupportedError({
    ...details,
    reason: `signed URLs of this backend cannot bind ${missing.join(', ')}`,
    advice: `They bind ${bindings.join(', ')}.`,
  });
}

/** How browsers shall take the file: left to the stored disposition unless a download is asked. */
export function dispositionOf(key: string, download: boolean | string | undefined): ResponseDisposition | undefined {
  if (download === undefined || download === false) return undefined;
  return { type: 'attachment', filename: download === true ? key.slice(key.lastIndexOf('/') + 1) : download };
}

const CROPS: readonly unknown[] = ['scale', 'fit', 'limit', 'fill', 'pad', 'crop'] satisfies ImageTransform['crop'][];
const FORMATS: readonly unknown[] = ['auto', 'avif', 'gif', 'jpg', 'png', 'webp'] satisfies ImageTransform['format'][];

/** Only the known fields, each of a known value: a transform may come from a query string. @throws InvalidOptionsError */
export function checkedTransform(
  transform: ImageTransform | undefined,
  details: StorageErrorDetails,
): ImageTransform | undefined {
  if (transform === undefined) return undefined;
  const { width, height, crop, format, quality } = transform;
  const fail = (reason: string): never => {
    throw new InvalidOptionsError({ ...details, reason: `transform.${reason}` });
  };
  if (width !== undefined) checkedCount('transform.width (pixels)', width, 1, details);
  if (height !== undefined) checkedCount('transform.height (pixels)', height, 1, details);
  if (crop !== undefined && !CROPS.includes(crop)) fail(`crop must be one of ${CROPS.join(', ')}`);
  if (crop !== undefined && width === undefined && height === undefined) fail('crop needs a width or a height');
  if (format !== undefined && !FORMATS.includes(format)) fail(`format must be one of ${FORMATS.join(', ')}`);
  if (quality !== undefined && quality !== 'auto') {
    checkedCount('transform.quality', quality, 1, details);
    if (quality > 100) fail('quality must be a whole number from 1 to 100, or "auto"');
  }
  return { width, height, crop, format, quality };
}
