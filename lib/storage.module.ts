/** The module: one line in an app's root module. Only this room knows every other. */
import { Module, type DynamicModule, type Provider } from '@nestjs/common';
import type { StorageOptions } from './config/options.js';
import { StorageConfigurationError } from './contract/index.js';
import { createStorageFilesController } from './files/index.js';
import { declareStorage } from './named-tokens.js';
import { DEFAULT_STORAGE } from './service/storage.registry.js';
import { StorageCoreModule } from './storage-core.module.js';
import { getStorageOptionsToken } from './storage.constants.js';
import type {
  RequiredInject,
  StorageModuleAsyncOptions,
  StorageModuleExtras,
  StorageModuleOptions,
  StorageOptionsFactory,
} from './storage.module-options.js';
import { filesPath, storageExports, storageProviders } from './storage.providers.js';

/**
 * File storage for a Nest app: an injectable StorageService, signed routes, and errors as HTTP answers.
 *
 * @publicApi
 */
@Module({})
export class StorageModule {
  /**
   * Registers a storage. What the options leave out is read from the environment.
   *
   * @example imports: [StorageModule.forRoot()]
   */
  static forRoot(options: StorageModuleOptions = {}): DynamicModule {
    const { name, isGlobal, controller, exceptionFilter, ...storage } = options;
    const extras = { name, isGlobal, controller, exceptionFilter };
    return dynamicModule(extras, [], [{ provide: getStorageOptionsToken(name), useValue: storage }]);
  }

  /**
   * Registers a storage whose options come from other providers.
   *
   * @example
   * StorageModule.forRootAsync({
   *   inject: [ConfigService],
   *   useFactory: (config: ConfigService) => ({ backend: 'local', local: { root: config.getOrThrow('FILES') } }),
   * })
   */
  static forRootAsync<Dependencies extends readonly unknown[]>(
    options: StorageModuleAsyncOptions<Dependencies> & RequiredInject<Dependencies>,
  ): DynamicModule {
    const { imports = [], providers = [] } = options;
    return dynamicModule(options, imports, [...providers, ...asyncOptionsProviders(options)]);
  }
}

function dynamicModule(
  extras: StorageModuleExtras,
  imports: NonNullable<DynamicModule['imports']>,
  providers: Provider[],
): DynamicModule {
  const { controller, name = DEFAULT_STORAGE } = extras;
  declareStorage(name);
  const path = filesPath(extras);
  const decorators = controller === false ? [] : (controller?.decorators ?? []);
  return {
    module: StorageModule,
    global: extras.isGlobal ?? true,
    imports: [StorageCoreModule, ...imports],
    providers: [...providers, ...storageProviders(extras)],
    controllers: path === undefined ? [] : [createStorageFilesController({ path, storage: extras.name, decorators })],
    exports: storageExports(extras.name),
  };
}

function asyncOptionsProviders<Dependencies extends readonly unknown[]>(
  options: StorageModuleAsyncOptions<Dependencies>,
): Provider[] {
  const { name = DEFAULT_STORAGE, useFactory, useClass, useExisting, inject = [] } = options;
  const provide = getStorageOptionsToken(name);
  if (useFactory) {
    const factory = useFactory as (...dependencies: unknown[]) => StorageOptions | Promise<StorageOptions>;
    return [{ provide, inject: [...inject], useFactory: factory }];
  }
  const source = useExisting ?? useClass;
  if (!source) {
    throw new StorageConfigurationError({
      reason: `StorageModule.forRootAsync() of the storage "${name}" says nowhere where its options come from`,
      advice: 'Give it one of useFactory, useClass and useExisting.',
    });
  }
  const fromFactory: Provider = {
    provide,
    inject: [source],
    useFactory: (factory: StorageOptionsFactory) => factory.createStorageOptions(),
  };
  return useClass ? [{ provide: useClass, useClass }, fromFactory] : [fromFactory];
}
