/** Where the app itself is reached, for signed URLs of apps that set no base URL. */
import type { AddressInfo } from 'node:net';
import { Injectable } from '@nestjs/common';
import { ApplicationConfig, HttpAdapterHost } from '@nestjs/core';
import { StorageConfigurationError } from './contract/index.js';

const ANY_ADDRESS = new Set(['::', '0.0.0.0']);

@Injectable()
export class AppAddress {
  constructor(
    private readonly host: HttpAdapterHost,
    private readonly config: ApplicationConfig,
  ) {}

  /**
   * URL of a route's path as a client on this machine reaches it.
   *
   * @throws StorageConfigurationError while the app does not listen on a port
   */
  urlOf(path: string): string {
    const server = this.host.httpAdapter?.getHttpServer() as { address?(): AddressInfo | string | null } | undefined;
    const address = server?.address?.();
    if (!address || typeof address === 'string') {
      throw new StorageConfigurationError({
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
    const parts = [this.config.getGlobalPrefix(), path].map((part) => part.replace(/^\/+|\/+$/g, ''));
    return [`${scheme}://${authority}:${address.port}`, ...parts.filter((part) => part !== '')].join('/');
  }
}
