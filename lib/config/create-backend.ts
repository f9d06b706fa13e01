/** Makes the backend that the options chose. Each driver is loaded only here, and only when it is used. */
import type { StorageBackend } from '../contract/index.js';
import { ReadOnlyBackend } from '../wrappers/index.js';
import {
  cloudinarySettings,
  gcsSettings,
  localSettings,
  memorySettings,
  s3Settings,
  type SettingsSource,
} from './backend-settings.js';
import type { BackendKind } from './environment.js';
import type { ResolvedStorageOptions } from './resolve-options.js';
import { assertInstalled } from './vendor-packages.js';

const FACTORIES: Readonly<Record<BackendKind, (source: SettingsSource) => Promise<StorageBackend>>> = {
  local: async (source) => {
    const { LocalBackend } = await import('../backends/local/index.js');
    return new LocalBackend(localSettings(source));
  },
  memory: async (source) => {
    const { MemoryBackend } = await import('../backends/memory/memory.backend.js');
    return new MemoryBackend(memorySettings(source));
  },
  s3: async (source) => {
    const settings = s3Settings(source);
    // Only URLs of the store's own are signed by its presigner.
    const signs = settings.via !== 'app' && settings.publicUrl === undefined && settings.cloudFront === undefined;
    assertInstalled('s3', ['@aws-sdk/client-s3', ...(signs ? ['@aws-sdk/s3-request-presigner'] : [])]);
    const { createS3Backend } = await import('../backends/s3/index.js');
    return createS3Backend(settings);
  },
  gcs: async (source) => {
    const settings = gcsSettings(source);
    assertInstalled('gcs', ['@google-cloud/storage']);
    const { createGcsBackend } = await import('../backends/gcs/index.js');
    return createGcsBackend(settings);
  },
  cloudinary: async (source) => {
    const settings = cloudinarySettings(source);
    assertInstalled('cloudinary', ['cloudinary']);
    const { CloudinaryBackend } = await import('../backends/cloudinary/index.js');
    return new CloudinaryBackend(settings);
  },
};

/** @throws StorageConfigurationError when a setting is missing or wrong, or a package that the backend needs */
export async function createBackend(resolved: ResolvedStorageOptions): Promise<StorageBackend> {
  const { backend, options } = resolved;
  const made = typeof backend === 'object' ? backend : await FACTORIES[backend](resolved);
  return options.readOnly ? new ReadOnlyBackend(made) : made;
}
