/** A backend whose URLs lead to the app's own signed routes, for stores that make none themselves. */
import type {
  SignedUpload,
  SignGetOptions,
  SignPutOptions,
  StorageBackend,
  StorageCapabilities,
  StorageKey,
  UrlSigner,
} from '../contract/index.js';
import { ForwardingBackend } from './forwarding.backend.js';

export class AppUrlsBackend extends ForwardingBackend {
  readonly #storage: string;
  readonly #signer: UrlSigner;
  readonly #capabilities: StorageCapabilities;

  /** @param storage name of the storage, by which the routes find it again */
  constructor(inner: StorageBackend, storage: string, signer: UrlSigner) {
    super(inner);
    this.#storage = storage;
    this.#signer = signer;
    this.#capabilities = {
      ...inner.capabilities,
      getUrl: signer.getBindings,
      getUploadUrl: signer.putBindings,
    };
  }

  override get capabilities(): StorageCapabilities {
    return this.#capabilities;
  }

  override async getUrl(key: StorageKey, options: SignGetOptions): Promise<string> {
    return this.#signer.signGet(this.#storage, key, options);
  }

  override async getUploadUrl(key: StorageKey, options: SignPutOptions): Promise<SignedUpload> {
    return this.#signer.signPut(this.#storage, key, options);
  }
}
