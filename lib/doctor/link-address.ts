/** Where a link leads and what sets that: a store may have another address for links than for requests. */
import { cloudinarySettings, gcsSettings, s3Settings } from '../config/backend-settings.js';
import { variableName } from '../config/environment.js';
import type { ResolvedStorageOptions } from '../config/resolve-options.js';
import type { StoreAddress, Trial } from './trial.js';

/** An address of links alone, and what sets it. */
type OwnAddress = readonly [url: string | undefined, setting: string];

function ofS3(resolved: ResolvedStorageOptions): OwnAddress[] {
  const { publicUrl, cloudFront } = s3Settings(resolved);
  const byOption = resolved.options.s3?.publicUrl !== undefined;
  const setting = byOption ? 's3.publicUrl' : variableName('STORAGE_S3_PUBLIC_URL', resolved.prefix);
  return [
    [publicUrl, setting],
    [cloudFront?.url, 's3.cloudFront.url'],
  ];
}

function ofCloudinary(resolved: ResolvedStorageOptions): OwnAddress[] {
  const byOption = resolved.options.cloudinary?.deliveryUrl !== undefined;
  return [[cloudinarySettings(resolved).deliveryUrl, byOption ? 'cloudinary.deliveryUrl' : 'CLOUDINARY_URL']];
}

const OWN_ADDRESSES: Readonly<Record<string, (resolved: ResolvedStorageOptions) => OwnAddress[]>> = {
  s3: ofS3,
  gcs: (resolved) => [[gcsSettings(resolved).publicOrigin, 'gcs.publicOrigin']],
  cloudinary: ofCloudinary,
};

/** Links that the bucket signs are its own, also where its public address is the same. */
const SIGNED_BY_BUCKET = /[?&]X-(?:Amz|Goog)-Signature=/i;

function settingOf(trial: Trial, url: string): string {
  const { resolved, kind, address } = trial;
  if (trial.linksToApp) return variableName('STORAGE_BASE_URL', resolved.prefix);
  const { origin } = new URL(url);
  const ofStore = [address?.origin, address?.withoutBucket].includes(origin);
  const own = ofStore && SIGNED_BY_BUCKET.test(url) ? [] : (OWN_ADDRESSES[kind]?.(resolved) ?? []);
  const found = own.find(([base]) => base !== undefined && new URL(base).origin === origin);
  return found?.[1] ?? address?.setting ?? 'the address of the links';
}

export function linkAddressOf(trial: Trial, url: string): StoreAddress {
  return { origin: new URL(url).origin, setting: settingOf(trial, url) };
}

/**
 * Asks where a link leads. What goes wrong meanwhile is told of that place, not of the store.
 *
 * @param meaning of no answer at all
 */
export async function following<T>(
  trial: Trial,
  url: string,
  meaning: string | undefined,
  ask: () => Promise<T>,
): Promise<T> {
  trial.asking = { ...linkAddressOf(trial, url), meaning };
  const answer = await ask();
  // Left as it is where the asking fails: what explains the failure comes later.
  trial.asking = undefined;
  return answer;
}
