/** The account that the contract server serves: its credentials, its assets, and what its CDN still remembers. */
import { createHash, randomUUID } from 'node:crypto';
import { Refusal } from './exchange.js';
import type { Algorithm } from './signatures.js';

export const RESOURCE_TYPES: readonly string[] = ['image', 'raw', 'video'];
export const TYPES: readonly string[] = ['authenticated', 'private', 'upload'];

export interface AccountSettings {
  readonly cloudName: string;
  readonly apiKey: string;
  readonly apiSecret: string;
  readonly authTokenKey: string;
  readonly signatureAlgorithm: Algorithm;
  /** Largest file in bytes. */
  readonly maxFileBytes: number;
  /** Admin API calls an hour. */
  readonly adminLimit: number;
  /** Whether the details of an asset name its MD5. */
  readonly etagInDetails: boolean;
}

export interface StoredAsset {
  readonly assetId: string;
  readonly resourceType: string;
  readonly type: string;
  readonly publicId: string;
  readonly version: number;
  readonly createdAt: Date;
  readonly bytes: Buffer;
  readonly etag: string;
  readonly format: string | undefined;
  readonly context: ReadonlyMap<string, string>;
}

/** What the CDN keeps under one path, whatever happens to the asset, until it is told and has had time. */
interface CachedDelivery {
  readonly asset: StoredAsset;
  purgedAt: number;
}

export interface OpenUpload {
  readonly chunks: Buffer[];
  received: number;
}

const PURGE_MS = 30_000;
const MAX_PUBLIC_ID = 255;

export class Account {
  readonly assets = new Map<string, StoredAsset>();
  readonly uploads = new Map<string, OpenUpload>();
  readonly #cdn = new Map<string, CachedDelivery>();
  adminCalls = 0;

  constructor(readonly settings: AccountSettings) {}

  find(resourceType: string, type: string, publicId: string): StoredAsset | undefined {
    return this.assets.get(nameOf(resourceType, type, publicId));
  }

  get(resourceType: string, type: string, publicId: string): StoredAsset {
    const asset = this.find(resourceType, type, publicId);
    if (!asset) throw new Refusal(404, `Resource not found - ${publicId}`);
    return asset;
  }

  store(
    asset: Pick<StoredAsset, 'resourceType' | 'type' | 'publicId' | 'bytes' | 'format' | 'context'>,
    invalidate: boolean,
  ): StoredAsset {
    const stored: StoredAsset = {
      ...asset,
      assetId: randomUUID().replaceAll('-', ''),
      version: Math.floor(Date.now() / 1000),
      createdAt: new Date(),
      etag: createHash('md5').update(asset.bytes).digest('hex'),
    };
    this.#place(stored, invalidate);
    return stored;
  }

  remove(resourceType: string, type: string, publicId: string, invalidate: boolean): boolean {
    const asset = this.find(resourceType, type, publicId);
    if (!asset) return false;
    if (invalidate) this.#purge(asset);
    return this.assets.delete(nameOf(resourceType, type, publicId));
  }

  rename(asset: StoredAsset, publicId: string, invalidate: boolean): StoredAsset {
    const renamed = { ...asset, publicId };
    this.remove(asset.resourceType, asset.type, asset.publicId, invalidate);
    this.#place(renamed, invalidate);
    return renamed;
  }

  /** What the CDN answers under a path: what it holds, else the asset of now, which it then holds. */
  deliver(path: string, asset: StoredAsset | undefined): StoredAsset | undefined {
    const cached = this.#cdn.get(path);
    if (cached && cached.purgedAt > Date.now()) return cached.asset;
    if (asset) this.#cdn.set(path, { asset, purgedAt: Infinity });
    else this.#cdn.delete(path);
    return asset;
  }

  #place(asset: StoredAsset, invalidate: boolean): void {
    const name = nameOf(asset.resourceType, asset.type, asset.publicId);
    const old = this.assets.get(name);
    if (old && invalidate) this.#purge(old);
    this.assets.set(name, asset);
  }

  #purge(asset: StoredAsset): void {
    for (const cached of this.#cdn.values()) {
      if (cached.asset.assetId === asset.assetId) cached.purgedAt = Date.now() + PURGE_MS;
    }
  }
}

function nameOf(resourceType: string, type: string, publicId: string): string {
  return `${resourceType}/${type}/${publicId}`;
}

/** https://cloudinary.com/documentation/ts_permitted_naming_conventions; where the service rewrites, this refuses. */
export function checkedPublicId(publicId: string | undefined, name = 'public_id'): string {
  const fail = (why: string): never => {
    throw new Refusal(400, `${name} (${publicId}) is invalid: ${why}`);
  };
  if (publicId === undefined || publicId === '') throw new Refusal(400, `Missing required parameter - ${name}`);
  if (publicId.length > MAX_PUBLIC_ID) fail('too long');
  if (/[?&#\\%<>+]/.test(publicId)) fail('forbidden character');
  if (/[^\p{L}\p{M}\p{N}_./-]/u.test(publicId)) fail('a character that would be replaced');
  if (/^[\s/_]|[\s/_]$/.test(publicId)) fail('it would be trimmed');
  if (/(?:^|\/)(?:v\d+)(?=\/)/.test(publicId)) fail('a folder that looks like a version');
  if (publicId.includes('//')) fail('an empty folder');
  return publicId;
}
