/** The storages that the app serves itself: which signer checks their URLs, and under which path they live. */
import 'reflect-metadata';
import { isDeepStrictEqual } from 'node:util';
import { StorageConfigurationError } from '../contract/index.js';
import type { Type } from '@nestjs/common';
import { fittingSegment, trimmedPath } from './routes-path.js';
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

/** A controller and the storage it was made for. It serves all storages under its path. */
export interface ServingController {
  readonly path: string;
  /** Default: `default`. */
  readonly storage?: string;
  readonly controller: Type<unknown>;
}

/** A request that was let in. */
export interface AdmittedRequest {
  readonly request: SignedRequest;
  readonly policy: FileServingPolicy;
}

/** One per app: controllers find their storages here at request time. */
export class SignedRoutes {
  readonly #routes = new Map<string, SignedRoute>();
  readonly #controllers = new Map<string, ServingController>();

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

  /**
   * Told of each controller. Of two under one path the first gets all requests, so both must have the same guards and
   * other decorators: else the storages of the second would be served without theirs.
   *
   * @throws StorageConfigurationError
   */
  addController(added: ServingController): void {
    const path = trimmedPath(added.path);
    const first = this.#controllers.get(path);
    if (!first) this.#controllers.set(path, added);
    else if (!isDeepStrictEqual(metadataOf(first.controller), metadataOf(added.controller))) {
      const names = [first, added].map(({ storage = 'default' }) => JSON.stringify(storage)).join(' and ');
      throw new StorageConfigurationError({
        reason:
          `the storages ${names} have their signed routes under the same path, ${JSON.stringify(path)}, with ` +
          'different decorators, so that the guards of one would not protect the other',
        advice:
          `Give one of them another path, such as controller: { path: '${path}-${fittingSegment(added.storage ?? 'more')}' }, ` +
          'or both the same decorators.',
      });
    }
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

/** What decorators left on a class and, through it, on its handlers. */
function metadataOf({ prototype }: Type<unknown>): Map<unknown, unknown>[] {
  const handlers: object[] = Object.values(Object.getOwnPropertyDescriptors(prototype)).map(({ value }) => value);
  return handlers.map((target) => {
    const keys: unknown[] = Reflect.getOwnMetadataKeys(target);
    return new Map(
      keys
        .filter((key) => key !== 'path' && !String(key).startsWith('design:'))
        .map((key) => [key, Reflect.getOwnMetadata(key, target)]),
    );
  });
}
