/** The storages that the app serves itself: which signer checks their URLs, and under which path they live. */
import { StorageConfigurationError } from '../contract/index.js';
import type { FileServingPolicy } from './serving-policy.js';
import type { SignedPurpose } from './signed-token.js';
import { claimedStorage, InvalidSignedUrlError, type SignedRequest, type SignedUrls } from './signed-urls.js';

export interface SignedRoute {
  /** Name of the storage in the registry. */
  readonly storage: string;
  readonly signer: SignedUrls;
  /** Path of the controller below the global prefix, as it was given to createStorageFilesController(). */
  readonly path: string;
  readonly policy?: FileServingPolicy;
}

/** A request that was let in. */
export interface AdmittedRequest {
  readonly request: SignedRequest;
  readonly policy: FileServingPolicy;
}

/** One per app: controllers find their storages here at request time. */
export class SignedRoutes {
  readonly #routes = new Map<string, SignedRoute>();

  /** @throws StorageConfigurationError when the storage has a route already */
  register(route: SignedRoute): void {
    if (this.#routes.has(route.storage)) {
      throw new StorageConfigurationError({
        reason: `the storage ${JSON.stringify(route.storage)} has signed routes already`,
        advice: 'Give each storage of the app a name of its own.',
      });
    }
    this.#routes.set(route.storage, route);
  }

  /** Paths of all controllers, without slashes around them. */
  paths(): string[] {
    return [...new Set([...this.#routes.values()].map((route) => trimmedPath(route.path)))];
  }

  /** @throws InvalidSignedUrlError, the same for an unknown storage, another path and a wrong signature */
  admit(path: string, token: string, purpose: SignedPurpose): AdmittedRequest {
    const operation = purpose === 'get' ? 'get' : 'put';
    const name = claimedStorage(token);
    const route = name === undefined ? undefined : this.#routes.get(name);
    if (!route || trimmedPath(route.path) !== trimmedPath(path)) {
      throw new InvalidSignedUrlError(operation, 'no storage is served under this path by that name');
    }
    return { request: route.signer.verify(token, purpose), policy: route.policy ?? {} };
  }
}

export function trimmedPath(path: string): string {
  return path.replace(/^\/+|\/+$/g, '');
}
