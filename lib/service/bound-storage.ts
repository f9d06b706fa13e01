/** One backend under the rules of one storage: what every operation begins with. */
import {
  parseKey,
  parsePrefix,
  type StorageBackend,
  type StorageCapabilities,
  type StorageErrorDetails,
  type StorageKey,
  type StorageOperation,
  type WriteConditions,
} from '../contract/index.js';
import type { StorageServiceSettings } from './storage-options.js';
import { checkedConditions, checkedCount } from './write-options.js';

export class BoundStorage {
  constructor(
    readonly backend: StorageBackend,
    readonly settings: StorageServiceSettings,
  ) {}

  get capabilities(): StorageCapabilities {
    return this.backend.capabilities;
  }

  /** @throws InvalidKeyError */
  key(operation: StorageOperation, key: string): StorageKey {
    return parseKey(key, { ...this.#keyRules(), operation });
  }

  /** @throws InvalidKeyError */
  prefix(prefix: string): string {
    return parsePrefix(prefix, this.#keyRules());
  }

  /** Source and target of a copy or move. @throws InvalidKeyError, InvalidOptionsError */
  pair(operation: 'copy' | 'move', from: string, to: string, conditions: WriteConditions): [StorageKey, StorageKey] {
    const target = this.key(operation, to);
    checkedConditions(conditions, this.details(operation, target));
    return [this.key(operation, from), target];
  }

  details(operation: StorageOperation, key?: string): StorageErrorDetails {
    return { operation, key, backend: this.backend.name };
  }

  /** Most bytes that the caller, the settings and the backend together allow. @throws InvalidOptionsError */
  maxSize(asked: number | undefined, details: StorageErrorDetails): number | undefined {
    if (asked !== undefined) checkedCount('maxSize', asked, 0, details);
    const limits = [asked, this.settings.maxFileSize, this.capabilities.maxObjectBytes].filter((n) => n !== undefined);
    return limits.length === 0 ? undefined : Math.min(...limits);
  }

  #keyRules() {
    return { strict: this.settings.strictKeys, maxBytes: this.capabilities.maxKeyBytes };
  }
}
