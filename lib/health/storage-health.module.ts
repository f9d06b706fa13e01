/** Terminus wiring: the indicator for an app's own checks, and the ready-made route. */
import { Module, type DynamicModule } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { createStorageHealthController } from './storage-health.controller.js';
import { StorageHealthIndicator, type StorageHealthOptions } from './storage.health.js';

/** Options of StorageHealthModule.forRoot(). */
export interface StorageHealthModuleOptions {
  /** Path of the route; false makes none. @default '_ops/health' */
  readonly path?: string | false;
  /** The storages that the route watches. @default the default storage */
  readonly storages?: readonly StorageHealthOptions[];
  /** Class decorators of the app for the route, such as `[Public()]`. @default none */
  readonly decorators?: readonly ClassDecorator[];
}

/**
 * Health of the storage: exports StorageHealthIndicator and serves `GET _ops/health`.
 *
 * @publicApi
 */
@Module({})
export class StorageHealthModule {
  /** Registers the indicator and, unless `path` is false, the route. */
  static forRoot(options: StorageHealthModuleOptions = {}): DynamicModule {
    const { path = '_ops/health', storages = [{}], decorators = [] } = options;
    const watched = storages.length === 0 ? [{}] : storages;
    return {
      module: StorageHealthModule,
      imports: [TerminusModule],
      providers: [StorageHealthIndicator],
      controllers: path === false ? [] : [createStorageHealthController(path, watched, decorators)],
      exports: [StorageHealthIndicator],
    };
  }
}
