/** Settings of every backend, what is wrong with them, and whose links it will have. */
import { join } from 'node:path';
import { checkedOptions as checkedCloudinaryOptions } from '../backends/cloudinary/cloudinary-options.js';
import { checkedGcsOptions } from '../backends/gcs/gcs.options.js';
import { localSettings as checkedLocalOptions, type LocalBackendOptions } from '../backends/local/local.options.js';
import { resolveSettings as checkedS3Options } from '../backends/s3/s3.settings.js';
import type { StorageBackend } from '../contract/index.js';
import { byteSize } from '../service/byte-size.js';
import { cloudinarySettings } from './cloudinary-settings.js';
import { DEFAULTS, VOLUME_FOLDER } from './defaults.js';
import type { BackendKind } from './environment.js';
import { gcsSettings } from './gcs-settings.js';
import { s3Settings, s3Via } from './s3-settings.js';
import { problemsIn } from './settings-error.js';
import { defined, type SettingsSource } from './settings-source.js';

export { cloudinarySettings, gcsSettings, s3Settings, type SettingsSource };

/** Folder: the option, STORAGE_BASE_PATH, `uploads` on the Railway volume, /data/uploads. */
export function localSettings({ options, environment, variables }: SettingsSource): LocalBackendOptions {
  const { STORAGE_BASE_PATH: path, RAILWAY_VOLUME_MOUNT_PATH: volume } = environment;
  const onVolume = volume === undefined ? undefined : join(volume, VOLUME_FOLDER);
  const said = path === undefined ? 'RAILWAY_VOLUME_MOUNT_PATH' : 'STORAGE_BASE_PATH';
  return {
    ...defined(options.local ?? {}),
    root: variables.settle(options.local?.root, path ?? onVolume, said) ?? DEFAULTS.STORAGE_BASE_PATH,
    durability: variables.pick(options.local?.durability, 'STORAGE_DURABILITY') ?? DEFAULTS.STORAGE_DURABILITY,
  };
}

export function memorySettings({ options, variables }: SettingsSource): { readonly maxBytes?: number } {
  const option = byteSize('the option memory.maxBytes', options.memory?.maxBytes);
  return defined({ maxBytes: variables.pick(option, 'STORAGE_MEMORY_MAX_BYTES') });
}

/** Settings of each kind of backend. */
export const BACKEND_SETTINGS = {
  local: localSettings,
  memory: memorySettings,
  s3: s3Settings,
  gcs: gcsSettings,
  cloudinary: cloudinarySettings,
} satisfies Record<BackendKind, (source: SettingsSource) => object>;

/** Settings of each kind, and what its driver would refuse of them when it is made. */
const CHECKS: Readonly<Record<BackendKind, (source: SettingsSource) => unknown>> = {
  local: (source) => checkedLocalOptions(localSettings(source)),
  memory: memorySettings,
  s3: (source) => checkedS3Options(s3Settings(source)),
  gcs: (source) => checkedGcsOptions(gcsSettings(source)),
  cloudinary: (source) => checkedCloudinaryOptions(cloudinarySettings(source)),
};

/** What is wrong with the settings of a backend; empty where nothing is. */
export function problemsOf(kind: BackendKind, source: SettingsSource): readonly string[] {
  return problemsIn(() => CHECKS[kind](source));
}

/** Whether the links of a backend are the app's own, as its capabilities tell once it is made. */
export function linksLeadToApp(backend: BackendKind | StorageBackend, source: SettingsSource): boolean {
  if (typeof backend === 'object') return backend.capabilities.getUrl.length === 0;
  if (backend === 's3') return s3Via(source) === 'app';
  if (backend === 'gcs') return source.options.gcs?.anonymous === true;
  return backend !== 'cloudinary';
}
