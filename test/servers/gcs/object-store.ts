/** The state: buckets, live objects with generations, in order of their UTF-8 bytes. */
import { noSuchBucket } from './errors.js';
import type { StoredBytes } from './stored-bytes.js';

/** What clients may say of an object. */
export interface ObjectFields {
  readonly contentType?: string;
  readonly contentEncoding?: string;
  readonly contentDisposition?: string;
  readonly contentLanguage?: string;
  readonly cacheControl?: string;
  readonly customTime?: string;
  readonly storageClass?: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

export interface LiveObject {
  readonly bucket: string;
  readonly name: string;
  readonly generation: bigint;
  metageneration: bigint;
  fields: ObjectFields;
  readonly bytes: StoredBytes;
  readonly created: Date;
  updated: Date;
}

export class ObjectStore {
  readonly #buckets = new Map<string, Map<string, LiveObject>>();
  readonly #now: () => Date;
  #generation = BigInt(Date.now()) * 1000n;

  constructor(now: () => Date) {
    this.#now = now;
  }

  createBucket(name: string): boolean {
    if (this.#buckets.has(name)) return false;
    this.#buckets.set(name, new Map());
    return true;
  }

  /** @returns whether it was empty and so is gone */
  deleteBucket(name: string): boolean {
    return this.bucket(name).size === 0 && this.#buckets.delete(name);
  }

  /** @throws Refusal */
  bucket(name: string): Map<string, LiveObject> {
    const found = this.#buckets.get(name);
    if (!found) throw noSuchBucket();
    return found;
  }

  find(bucket: string, name: string): LiveObject | undefined {
    return this.bucket(bucket).get(name);
  }

  publish(bucket: string, name: string, fields: ObjectFields, bytes: StoredBytes): LiveObject {
    const objects = this.bucket(bucket);
    objects.get(name)?.bytes.remove();
    const now = this.#now();
    const clock = BigInt(now.getTime()) * 1000n;
    this.#generation = clock > this.#generation ? clock : this.#generation + 1n;
    const object: LiveObject = {
      bucket,
      name,
      generation: this.#generation,
      metageneration: 1n,
      fields,
      bytes,
      created: now,
      updated: now,
    };
    objects.set(name, object);
    return object;
  }

  remove(object: LiveObject): void {
    this.bucket(object.bucket).delete(object.name);
    object.bytes.remove();
  }

  inOrder(bucket: string): LiveObject[] {
    return [...this.bucket(bucket).values()].sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
  }

  close(): void {
    for (const objects of this.#buckets.values()) for (const object of objects.values()) object.bytes.remove();
    this.#buckets.clear();
  }
}
