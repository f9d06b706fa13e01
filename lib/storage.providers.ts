/** The providers of one storage: options, backend, service, and their entry in the app's registries. */
import { Logger, type InjectionToken, type OnApplicationShutdown, type Provider } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { AppAddress } from './app-address.js';
import { baseUrlOf } from './base-url.js';
import { composeStorage, type ComposedStorage } from './compose-storage.js';
import { createBackend } from './config/create-backend.js';
import type { StorageOptions } from './config/options.js';
import { resolveOptions, signingSecrets, type ResolvedStorageOptions } from './config/resolve-options.js';
import { samePlaceWarning } from './config/same-place.js';
import type { StorageBackend } from './contract/index.js';
import { SignedRoutes, SignedUrls } from './files/index.js';
import { DEFAULT_FILES_PATH } from './files/routes-path.js';
import { StorageExceptionFilter } from './http/index.js';
import { UploadTimeoutAdvice } from './http/upload-timeout.advice.js';
import { RunningWork } from './service/running-work.js';
import { DEFAULT_STORAGE, StorageRegistry } from './service/storage.registry.js';
import { getStorageBackendToken, getStorageOptionsToken, getStorageToken } from './storage.constants.js';
import type { StorageModuleExtras } from './storage.module-options.js';
import type { StorageService } from './storage.service.js';

/** Path of a storage's signed routes; undefined where it has none. */
export function filesPath({ controller }: StorageModuleExtras): string | undefined {
  return controller === false ? undefined : (controller?.path ?? DEFAULT_FILES_PATH);
}

/** Closes what the module made. A backend that the app handed in is the app's own to close. */
class BackendLifetime implements OnApplicationShutdown {
  constructor(
    private readonly backend: StorageBackend,
    private readonly owned: boolean,
    private readonly work: RunningWork,
  ) {}

  async onApplicationShutdown(): Promise<void> {
    await this.work.ended();
    if (this.owned) await this.backend.close();
  }
}

function resolvedToken(name: string): string {
  return `${getStorageOptionsToken(name)}:resolved`;
}

function composedToken(name: string): string {
  return `STORAGE_COMPOSED(${name})`;
}

function signerToken(name: string): string {
  return `STORAGE_URLS(${name})`;
}

const logger = new Logger('StorageModule');

function resolveAndTell(name: string, options: StorageOptions, path: string | undefined): ResolvedStorageOptions {
  // As signerOf() decides, before there is a backend.
  const resolved = resolveOptions(
    options,
    (settings) => path !== undefined || baseUrlOf(name, settings, path) !== undefined,
  );
  const told = resolved.told.length === 0 ? '' : `, read from ${resolved.told.join(' ')}`;
  logger.log(`Storage "${name}" uses ${resolved.summary}${told}`);
  for (const warning of resolved.warnings) logger.warn(`Storage "${name}": ${warning}`);
  return resolved;
}

/** URLs of the app's own routes; none where the store makes its own, or no route and no other address is known. */
function signerOf(
  name: string,
  backend: StorageBackend,
  resolved: ResolvedStorageOptions,
  path: string | undefined,
  app: AppAddress,
): SignedUrls | undefined {
  if (backend.capabilities.getUrl.length > 0) return undefined;
  const baseUrl = baseUrlOf(name, resolved, path);
  if (path === undefined && baseUrl === undefined) return undefined;
  const secrets = signingSecrets(resolved, (message) => logger.warn(`Storage "${name}": ${message}`));
  return new SignedUrls({ secrets, baseUrl: baseUrl ?? (() => app.urlOf(path!)) });
}

/** Everything of one storage but its options, which forRoot() and forRootAsync() give in their own ways. */
export function storageProviders(extras: StorageModuleExtras): Provider[] {
  const name = extras.name ?? DEFAULT_STORAGE;
  const path = filesPath(extras);
  const providers: Provider[] = [
    AppAddress,
    {
      provide: resolvedToken(name),
      inject: [getStorageOptionsToken(name)],
      useFactory: (options: StorageOptions) => resolveAndTell(name, options, path),
    },
    {
      provide: getStorageBackendToken(name),
      inject: [resolvedToken(name)],
      useFactory: createBackend,
    },
    {
      provide: signerToken(name),
      inject: [getStorageBackendToken(name), resolvedToken(name), AppAddress],
      useFactory: (backend: StorageBackend, resolved: ResolvedStorageOptions, app: AppAddress) =>
        signerOf(name, backend, resolved, path, app),
    },
    {
      provide: composedToken(name),
      inject: [getStorageBackendToken(name), resolvedToken(name), { token: signerToken(name), optional: true }],
      useFactory: (backend: StorageBackend, resolved: ResolvedStorageOptions, signer?: SignedUrls) =>
        composeStorage(name, backend, resolved, signer),
    },
    {
      provide: getStorageToken(name),
      inject: [composedToken(name)],
      useFactory: ({ storage }: ComposedStorage) => storage,
    },
    {
      provide: `STORAGE_LIFETIME(${name})`,
      inject: [getStorageBackendToken(name), resolvedToken(name), RunningWork],
      useFactory: (backend: StorageBackend, resolved: ResolvedStorageOptions, work: RunningWork) =>
        new BackendLifetime(backend, typeof resolved.backend === 'string', work),
    },
    {
      // The registries take what is really injected, so that a provider overridden in a test is used everywhere.
      provide: `STORAGE_REGISTRATION(${name})`,
      inject: [
        StorageRegistry,
        SignedRoutes,
        getStorageToken(name),
        composedToken(name),
        resolvedToken(name),
        signerToken(name),
        UploadTimeoutAdvice,
      ],
      useFactory: (
        registry: StorageRegistry,
        routes: SignedRoutes,
        storage: StorageService,
        composed: ComposedStorage,
        resolved: ResolvedStorageOptions,
        signer: SignedUrls | undefined,
        timeouts: UploadTimeoutAdvice,
      ) => {
        registry.add(name, storage, storage === composed.storage ? composed.base : storage);
        // A storage of tenants tells no location, and one that is read-only takes nothing from another.
        const { location } = storage;
        const other =
          location === undefined || resolved.options.readOnly ? undefined : registry.shareOf(location, name);
        if (other !== undefined) logger.warn(samePlaceWarning(other, name, location!, resolved));
        const { maxFileSize } = resolved;
        if (maxFileSize !== undefined) timeouts.limit(name, maxFileSize);
        if (path !== undefined && signer) {
          // Without a limit of its own, nothing says that the storage is meant for large files.
          const taker = `Uploads to signed URLs of the storage ${JSON.stringify(name)}`;
          timeouts.expect({ taker, storage: name, size: maxFileSize ?? 0 });
          routes.register({ storage: name, signer, path, policy: { inlineTypes: resolved.urls.inlineTypes } });
        }
        return true;
      },
    },
  ];
  if (extras.exceptionFilter !== false) providers.push({ provide: APP_FILTER, useClass: StorageExceptionFilter });
  return providers;
}

/** What other modules may inject of a storage. */
export function storageExports(name: string = DEFAULT_STORAGE): InjectionToken[] {
  return [getStorageToken(name), getStorageBackendToken(name)];
}
