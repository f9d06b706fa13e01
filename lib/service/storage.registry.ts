/** The storages of one app by name: where interceptors, routes and indicators find the one they are asked for. */
import { StorageConfigurationError } from '../contract/index.js';
import type { StorageService } from '../storage.service.js';

/** Name of the storage that was given none. */
export const DEFAULT_STORAGE = 'default';

/** All storages of one app. Injectable wherever StorageModule is imported. */
export class StorageRegistry {
  readonly #storages = new Map<string, StorageService>();
  readonly #bases = new Map<string, StorageService>();
  readonly #places = new Map<string, string>();

  /**
   * @param base the whole of a storage whose scope depends on who asks; else the storage itself
   * @throws StorageConfigurationError when the name is taken
   */
  add(name: string, storage: StorageService, base: StorageService = storage): void {
    if (this.#storages.has(name)) {
      throw new StorageConfigurationError({
        reason: `two storages are named ${JSON.stringify(name)}`,
        advice: 'Give each StorageModule.forRoot() or forRootAsync() of the app a name of its own.',
      });
    }
    this.#storages.set(name, storage);
    this.#bases.set(name, base);
  }

  /** @throws StorageConfigurationError that lists the names there are */
  get(name: string = DEFAULT_STORAGE): StorageService {
    const storage = this.#storages.get(name);
    if (storage) return storage;
    const names = this.names().map((known) => JSON.stringify(known));
    throw new StorageConfigurationError({
      reason: `there is no storage named ${JSON.stringify(name)}`,
      advice:
        names.length === 0
          ? 'Import StorageModule.forRoot() in the root module.'
          : `There ${names.length === 1 ? 'is' : 'are'} ${names.join(', ')}.`,
    });
  }

  /**
   * The whole of the storage, for the signed routes: their URLs say whose file they name, whoever comes with them.
   *
   * @throws as get()
   */
  getBase(name: string = DEFAULT_STORAGE): StorageService {
    return this.#bases.get(name) ?? this.get(name);
  }

  /** True where a storage belongs to somebody else at each request. */
  hasScopes(): boolean {
    return [...this.#storages].some(([name, storage]) => this.#bases.get(name) !== storage);
  }

  /** Notes where a storage keeps its files. @returns the name of another that keeps them there already */
  shareOf(location: string, name: string): string | undefined {
    const other = this.#places.get(location);
    if (other === undefined) this.#places.set(location, name);
    return other;
  }

  /** The names there are. */
  names(): string[] {
    return [...this.#storages.keys()];
  }
}
