/** The ready-made health route: `{ status, storage: { backend, status } }`. */
import {
  Controller,
  Get,
  Header,
  HttpStatus,
  Inject,
  Res,
  VERSION_NEUTRAL,
  type OnModuleInit,
  type Type,
} from '@nestjs/common';
import { StorageRegistry } from '../service/storage.registry.js';
import { StorageHealthIndicator, type StorageHealthOptions } from './storage.health.js';

interface StorageStatus {
  readonly backend: string;
  readonly status: 'connected' | 'disconnected';
}

/** Body of the answer: 200 when every storage is connected, else 503. */
export interface StorageHealthAnswer {
  readonly status: 'healthy' | 'unhealthy';
  readonly storage: StorageStatus;
  /** The other storages by name, where the route watches several. */
  readonly storages?: Readonly<Record<string, StorageStatus>>;
}

/** What both platforms' responses can do. */
interface PassthroughResponse {
  status(code: number): unknown;
}

export function createStorageHealthController(
  path: string,
  watched: readonly StorageHealthOptions[],
  decorators: readonly ClassDecorator[],
): Type<unknown> {
  @Controller({ path, version: VERSION_NEUTRAL })
  class StorageHealthController implements OnModuleInit {
    constructor(
      private readonly indicator: StorageHealthIndicator,
      @Inject(StorageRegistry) private readonly registry: StorageRegistry,
    ) {}

    /** A storage that is not there is told when the app starts. @throws StorageConfigurationError */
    onModuleInit(): void {
      for (const { storage } of watched) this.registry.get(storage);
    }

    @Get()
    @Header('Cache-Control', 'no-store')
    async check(@Res({ passthrough: true }) response: PassthroughResponse): Promise<StorageHealthAnswer> {
      const outcomes = await Promise.all(watched.map((options) => this.indicator.probe(options)));
      const states = outcomes.map(({ backend, healthy }): StorageStatus => ({
        backend: displayName(backend),
        status: healthy ? 'connected' : 'disconnected',
      }));
      const healthy = outcomes.every((outcome) => outcome.healthy);
      if (!healthy) response.status(HttpStatus.SERVICE_UNAVAILABLE);
      const rest = watched.map(({ storage = 'default' }, index) => [storage, states[index]!] as const).slice(1);
      return {
        status: healthy ? 'healthy' : 'unhealthy',
        storage: states[0]!,
        ...(rest.length > 0 && { storages: Object.fromEntries(rest) }),
      };
    }
  }
  for (const decorate of decorators) decorate(StorageHealthController);
  return StorageHealthController;
}

/** `local` as `LocalBackend`. */
function displayName(backend: string): string {
  return `${backend.charAt(0).toUpperCase()}${backend.slice(1)}Backend`;
}
