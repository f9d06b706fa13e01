/** Terminus indicator: can the storage be used? No path, secret or vendor message reaches the answer. */
import { Injectable, Logger } from '@nestjs/common';
import { HealthIndicatorService, type HealthIndicatorResult } from '@nestjs/terminus';
import { StorageError } from '../contract/index.js';
import { StorageRegistry } from '../service/storage.registry.js';
import { probeStorage, type ProbeOutcome } from './probe.js';

/** Which storage to look at, and how. */
export interface StorageHealthOptions {
  /** Name of the storage. @default 'default' */
  readonly storage?: string;
  /** Seconds after which the store counts as down. @default 3 */
  readonly timeout?: number;
  /** Seconds for which an answer is given again without asking the store. @default 5 */
  readonly cache?: number;
  /** Also write, read back and remove one hidden object. @default false */
  readonly write?: boolean;
}

interface CachedProbe {
  readonly outcome: Promise<ProbeOutcome>;
  readonly expires: number;
}

/**
 * Health indicator of a storage.
 *
 * @example this.health.check([() => this.storage.isHealthy('storage')])
 * @publicApi
 */
@Injectable()
export class StorageHealthIndicator {
  readonly #logger = new Logger(StorageHealthIndicator.name);
  readonly #cached = new Map<string, CachedProbe>();

  constructor(
    private readonly indicators: HealthIndicatorService,
    private readonly registry: StorageRegistry,
  ) {}

  /** Asks the store, at most once in `cache` seconds, however many ask at the same time. */
  async isHealthy<Key extends string>(
    key: Key,
    options: StorageHealthOptions = {},
  ): Promise<HealthIndicatorResult<Key>> {
    const session = this.indicators.check(key);
    const backend = this.registry.get(options.storage).backendName;
    const outcome = await this.probe(options);
    return outcome.healthy ? session.up({ backend }) : session.down({ backend, reason: outcome.reason });
  }

  /** The bare outcome, for answers of another shape. */
  probe(options: StorageHealthOptions = {}): Promise<ProbeOutcome> {
    const { storage, timeout = 3, cache = 5, write = false } = options;
    const service = this.registry.get(storage);
    const id = JSON.stringify([service.name, write, timeout]);
    const known = this.#cached.get(id);
    if (known && known.expires > performance.now()) return known.outcome;
    const outcome = probeStorage(service, { timeout, write }).then((result) => {
      if (!result.healthy) this.#logger.error(`Storage "${service.name}" is not healthy`, describe(result.error));
      return result;
    });
    this.#cached.set(id, { outcome, expires: performance.now() + (timeout + cache) * 1000 });
    void outcome.then(() => this.#cached.set(id, { outcome, expires: performance.now() + cache * 1000 }));
    return outcome;
  }
}

function describe(error: unknown): string {
  const cause = error instanceof StorageError && error.cause instanceof Error ? `\ncaused by ${error.cause.stack}` : '';
  return `${error instanceof Error ? error.stack : String(error)}${cause}`;
}
