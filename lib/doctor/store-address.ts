/** Where the requests of a backend go, told by its settings. */
import { gcsSettings, cloudinarySettings, s3Settings } from '../config/backend-settings.js';
import { variableName } from '../config/environment.js';
import type { ResolvedStorageOptions } from '../config/resolve-options.js';
import { resolveSettings } from '../backends/s3/s3.settings.js';
import type { StoreAddress } from './trial.js';

type AddressOf = (resolved: ResolvedStorageOptions) => StoreAddress | undefined;

function s3Address(resolved: ResolvedStorageOptions): StoreAddress | undefined {
  const options = s3Settings(resolved);
  // A client that was handed in, or made to go another way, knows its own.
  if (options.client !== undefined || options.clientConfig !== undefined) return undefined;
  const { endpoint, region, pathStyle, bucket } = resolveSettings(options);
  // The SDK then looks for the region in files and asks the machine; another one may be out of reach from here.
  if (endpoint === undefined && region === undefined) return undefined;
  const url = new URL(endpoint ?? `https://s3.${region}.amazonaws.com${region?.startsWith('cn-') ? '.cn' : ''}`);
  const named = options.endpoint === undefined ? 'STORAGE_S3_REGION' : 'STORAGE_S3_ENDPOINT';
  const setting = variableName(named, resolved.prefix);
  // The SDK puts no bucket before an address of digits, nor one that cannot be part of a host name.
  if (pathStyle || /^[\d.]+$|^\[/.test(url.hostname) || !/^[a-z0-9-]+$/.test(bucket))
    return { origin: url.origin, setting };
  return { origin: `${url.protocol}//${bucket}.${url.host}`, withoutBucket: url.origin, setting };
}

function gcsAddress(resolved: ResolvedStorageOptions): StoreAddress | undefined {
  const { endpoint, agent } = gcsSettings(resolved);
  if (agent !== undefined) return undefined;
  const origin = endpoint ?? process.env.STORAGE_EMULATOR_HOST ?? 'https://storage.googleapis.com';
  const setting =
    endpoint === undefined && process.env.STORAGE_EMULATOR_HOST ? 'STORAGE_EMULATOR_HOST' : 'gcs.endpoint';
  return URL.canParse(origin) ? { origin: new URL(origin).origin, setting } : undefined;
}

function cloudinaryAddress(resolved: ResolvedStorageOptions): StoreAddress | undefined {
  const { apiUrl = 'https://api.cloudinary.com' } = cloudinarySettings(resolved);
  const setting = resolved.options.cloudinary?.apiUrl === undefined ? 'CLOUDINARY_URL' : 'cloudinary.apiUrl';
  return URL.canParse(apiUrl) ? { origin: new URL(apiUrl).origin, setting } : undefined;
}

const ADDRESSES: Readonly<Record<string, AddressOf>> = {
  s3: s3Address,
  gcs: gcsAddress,
  cloudinary: cloudinaryAddress,
};

/** Undefined where only the backend itself knows. */
export function addressOf(kind: string, resolved: ResolvedStorageOptions): StoreAddress | undefined {
  return ADDRESSES[kind]?.(resolved);
}
