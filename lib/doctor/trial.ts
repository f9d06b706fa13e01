/** What the steps of one diagnosis share: the storage under trial, and what was found out so far. */
import { randomBytes } from 'node:crypto';
import { composeStorage } from '../compose-storage.js';
import type { ResolvedStorageOptions } from '../config/resolve-options.js';
import { Secrets } from '../config/secrets.js';
import type { SignedUpload, StorageBackend, UrlSigner } from '../contract/index.js';
import { DEFAULT_STORAGE } from '../service/storage.registry.js';
import type { StorageService } from '../storage.service.js';
import { BorrowedBackend } from '../wrappers/index.js';
import type { DiagnoseOptions } from './diagnosis.js';
import { Writes } from './writes.js';

/** Everything that a diagnosis writes has a key that begins with this and 32 hexadecimal digits. */
export const TRIAL_PREFIX = '.storage-doctor-';

/** Bytes of the objects that are written, where the storage allows as many. */
const TRIAL_BYTES = 1024;

/** An object that can be read. */
export interface TrialObject {
  readonly key: string;
  /** Its first bytes. */
  readonly bytes: Buffer;
  /** They are all of it. */
  readonly whole: boolean;
}

/** Where a backend sends its requests. */
export interface StoreAddress {
  /** Without user, path and query. */
  readonly origin: string;
  /** The same without the bucket in the host name, where it stands there. */
  readonly withoutBucket?: string;
  /** What sets it, for advice. */
  readonly setting: string;
}

/** Where a link leads. */
export interface LinkAddress extends StoreAddress {
  /** What it means that no answer comes, as a sentence. */
  readonly meaning?: string;
}

export class Trial {
  readonly name: string;
  readonly secrets: Secrets;
  readonly timeout: number;
  /** Folder of everything that is written. */
  readonly prefix = `${TRIAL_PREFIX}${randomBytes(16).toString('hex')}`;
  readonly writes = new Writes();
  /** Folders on this machine to be removed with all that is in them. */
  readonly folders: string[] = [];
  object: TrialObject | undefined;
  address: StoreAddress | undefined;
  /** Who is asked just now, where it is not the store. */
  asking: LinkAddress | undefined;
  /** Seconds by which this machine's clock is ahead of the store's. */
  clockOffset: number | undefined;
  /** The store knows the credentials, but they may not list. */
  mayNotList = false;
  /** The link that was uploaded to. */
  upload: SignedUpload | undefined;
  #resolved: ResolvedStorageOptions | undefined;
  #storage: StorageService | undefined;
  #signer: UrlSigner | undefined;

  constructor(readonly options: DiagnoseOptions) {
    this.name = options.name ?? DEFAULT_STORAGE;
    this.timeout = options.timeout ?? 10;
    this.secrets = new Secrets(options);
  }

  /** The settings: known once the step that reads them has passed. */
  get resolved(): ResolvedStorageOptions {
    if (this.#resolved === undefined) throw new Error('the settings were not read yet');
    return this.#resolved;
  }

  set resolved(resolved: ResolvedStorageOptions) {
    this.#resolved = resolved;
    for (const secret of resolved.urls.secrets ?? []) this.secrets.hide(secret);
  }

  get settled(): boolean {
    return this.#resolved !== undefined;
  }

  /** `local`, `s3`, ...; `own` where an instance was handed in. */
  get kind(): string {
    const { backend } = this.resolved;
    return typeof backend === 'string' ? backend : 'own';
  }

  /** The storage without a tenant's scope: known once the backend was made. */
  get storage(): StorageService {
    if (this.#storage === undefined) throw new Error('there is no backend yet');
    return this.#storage;
  }

  get readOnly(): boolean {
    return this.resolved.options.readOnly === true;
  }

  /** Links lead to the app's signed routes. */
  get linksToApp(): boolean {
    return this.#signer !== undefined;
  }

  /** @param signer of the app's routes, where the backend makes no URLs and the settings are enough for one */
  use(backend: StorageBackend, signer?: UrlSigner): void {
    const lent = typeof this.resolved.backend === 'string' ? backend : new BorrowedBackend(backend);
    this.#signer = signer;
    this.#storage = composeStorage(this.name, lent, this.resolved, signer).base;
  }

  /** A new key below the prefix. */
  keyOf(name: string): string {
    return `${this.prefix}/${name}`;
  }

  /** What is written: random, so that only this very object can give it back. */
  newBytes(): Buffer {
    return randomBytes(Math.min(TRIAL_BYTES, this.resolved.maxFileSize ?? TRIAL_BYTES));
  }

  async close(): Promise<void> {
    await this.#storage?.close();
  }
}
