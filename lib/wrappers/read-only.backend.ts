/** A backend that refuses every change. */
import {
  PermissionDeniedError,
  type StorageBackend,
  type StorageCapabilities,
  type StorageOperation,
} from '../contract/index.js';
import { ForwardingBackend } from './forwarding.backend.js';

export class ReadOnlyBackend extends ForwardingBackend {
  readonly #capabilities: StorageCapabilities;

  constructor(inner: StorageBackend) {
    super(inner);
    this.#capabilities = { ...inner.capabilities, getUploadUrl: [] };
  }

  override get capabilities(): StorageCapabilities {
    return this.#capabilities;
  }

  override assertStorable(key: string): never {
    throw this.#refusal('put', key);
  }

  override async stage(key: string): Promise<never> {
    throw this.#refusal('put', key);
  }

  override async delete(key: string): Promise<never> {
    throw this.#refusal('delete', key);
  }

  override async deleteMany(): Promise<never> {
    throw this.#refusal('delete');
  }

  override async copy(_from: string, to: string): Promise<never> {
    throw this.#refusal('copy', to);
  }

  override async move(_from: string, to: string): Promise<never> {
    throw this.#refusal('move', to);
  }

  override async getUploadUrl(key: string): Promise<never> {
    throw this.#refusal('getUploadUrl', key);
  }

  override check(options: { readonly signal?: AbortSignal }): Promise<void> {
    return this.inner.check({ ...options, write: false });
  }

  #refusal(operation: StorageOperation, key?: string): PermissionDeniedError {
    return new PermissionDeniedError({
      operation,
      key,
      backend: this.name,
      reason: 'this storage is read-only',
      advice: 'Write through a storage that was not made with readOnly.',
    });
  }
}
