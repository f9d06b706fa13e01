/** Where the app itself is reached, for signed URLs of apps that set no base URL. */
import type { AddressInfo } from 'node:net';
import { Injectable, RequestMethod } from '@nestjs/common';
import { ApplicationConfig, HttpAdapterHost } from '@nestjs/core';
import { UnknownBaseUrlError } from './contract/index.js';

/** As Nest notes an excluded route: -1 where it names no method. */
const READ_METHODS: ReadonlySet<number> = new Set([RequestMethod.GET, RequestMethod.ALL, -1]);

const ANY_ADDRESS = new Set(['::', '0.0.0.0']);

function trimmed(path: string): string {
  return path.replace(/^\/+|\/+$/g, '');
}

@Injectable()
export class AppAddress {
  constructor(
    private readonly host: HttpAdapterHost,
    private readonly config: ApplicationConfig,
  ) {}

  /**
   * URL of a route's path as a client on this machine reaches it.
   *
   * @throws UnknownBaseUrlError while the app does not listen on a port
   */
  urlOf(path: string): string {
    const server = this.host.httpAdapter?.getHttpServer() as { address?(): AddressInfo | string | null } | undefined;
    const address = server?.address?.();
    if (!address || typeof address === 'string') {
      throw new UnknownBaseUrlError({
        operation: 'getUrl',
        reason: 'the base URL of signed URLs is not known, since this app does not listen on a port (yet)',
        advice:
          'Set STORAGE_BASE_URL (or urls.baseUrl) to the public URL of the signed routes, or put with url: false.',
      });
    }
    // Only TLS servers have a way to change their certificates.
    const scheme = 'setSecureContext' in server! ? 'https' : 'http';
    const name = ANY_ADDRESS.has(address.address) ? 'localhost' : address.address;
    const authority = name.includes(':') ? `[${name}]` : name;
    const route = trimmed(path);
    const prefix = this.#isExcluded(route) ? '' : trimmed(this.config.getGlobalPrefix());
    const parts = [`${scheme}://${authority}:${address.port}`, prefix, route];
    return parts.filter((part) => part !== '').join('/');
  }

  /** Whether `setGlobalPrefix(..., { exclude })` takes the prefix from the routes below the path. */
  #isExcluded(route: string): boolean {
    const { exclude = [] } = this.config.getGlobalPrefixOptions();
    return exclude.some(
      ({ requestMethod, pathRegex }) => READ_METHODS.has(requestMethod) && pathRegex.test(`/${route}/:token/:name`),
    );
  }
}
