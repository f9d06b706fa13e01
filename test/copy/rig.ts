/** What the specs of copies share: storages of several kinds, and ways to look at all that one holds. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from '@jest/globals';
import { LocalBackend } from '../../lib/backends/local/index.js';
import { MemoryBackend } from '../../lib/backends/memory/memory.backend.js';
import type {
  ListPage,
  ListPageOptions,
  OpenedObject,
  OpenOptions,
  StagedObject,
  StageOptions,
  StorageBackend,
  StorageCapabilities,
  StorageKey,
} from '../../lib/contract/index.js';
import { copyStorage, type CopiedObject, type CopyStorageOptions, type CopySummary } from '../../lib/copy/index.js';
import { StorageService } from '../../lib/storage.service.js';
import { ForwardingBackend } from '../../lib/wrappers/forwarding.backend.js';

const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

/** A folder that is gone after the test. */
export async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'copy-'));
  cleanups.push(() => rm(path, { recursive: true, force: true }));
  return path;
}

export async function localStorage(root?: string): Promise<StorageService & { readonly root: string }> {
  const path = root ?? (await folder());
  const backend = new LocalBackend({ root: path, durability: 'rename', metadataGrace: 0 });
  cleanups.push(() => backend.close());
  return Object.assign(new StorageService(backend), { root: path });
}

export const memoryStorage = (): StorageService => new StorageService(new MemoryBackend());

/** A backend over another that counts what is asked of it, and can be told what to answer. */
export class WatchedBackend extends ForwardingBackend {
  stages: string[] = [];
  opens: string[] = [];
  /** Bodies that were opened and not yet closed. */
  openBodies = 0;
  atMost = 0;
  #underway = 0;
  readonly #capabilities: StorageCapabilities;
  beforeStage: (key: string) => void | Promise<void> = () => undefined;
  beforeCommit: (key: string) => void | Promise<void> = () => undefined;
  beforeOpen: (key: string) => void | Promise<void> = () => undefined;
  afterList: () => void | Promise<void> = () => undefined;
  /** Told with each page. */
  passedOver = 0;
  onOpen: (opened: OpenedObject) => OpenedObject = (opened) => opened;

  constructor(
    inner: StorageBackend,
    capabilities: Partial<StorageCapabilities> = {},
    readonly where?: string,
  ) {
    super(inner);
    this.#capabilities = { ...inner.capabilities, ...capabilities };
  }

  override get capabilities(): StorageCapabilities {
    return this.#capabilities;
  }

  override get location(): string | undefined {
    return this.where;
  }

  override async stage(key: StorageKey, body: AsyncIterable<Uint8Array>, options: StageOptions): Promise<StagedObject> {
    this.stages.push(key);
    this.atMost = Math.max(this.atMost, ++this.#underway);
    try {
      await this.beforeStage(key);
      const staged = await super.stage(key, body, options);
      return {
        ...staged,
        commit: async () => {
          await this.beforeCommit(key);
          return staged.commit();
        },
      };
    } finally {
      this.#underway--;
    }
  }

  override async open(key: StorageKey, options?: OpenOptions): Promise<OpenedObject> {
    this.opens.push(key);
    await this.beforeOpen(key);
    const opened = this.onOpen(await super.open(key, options));
    this.openBodies++;
    opened.body.once('close', () => this.openBodies--);
    return opened;
  }

  /** An unordered store gives its keys as it likes. */
  override async list(options: ListPageOptions): Promise<ListPage> {
    const page = await super.list(options);
    await this.afterList();
    const told = { ...page, ...(this.passedOver > 0 && { passedOver: this.passedOver }) };
    return this.capabilities.ordering === 'utf8' ? told : { ...told, objects: page.objects.toReversed() };
  }
}

export function watched(
  capabilities: Partial<StorageCapabilities> = {},
  where?: string,
): { readonly backend: WatchedBackend; readonly storage: StorageService } {
  const backend = new WatchedBackend(new MemoryBackend(), capabilities, where);
  return { backend, storage: new StorageService(backend) };
}

/** Types, metadata and bytes of everything. */
export async function contents(storage: StorageService): Promise<Record<string, unknown>> {
  const all: Record<string, unknown> = {};
  for await (const { key } of storage.list()) {
    const { contentType, metadata, cacheControl, contentDisposition } = await storage.getMetadata(key);
    const bytes = (await storage.get(key)).toString('latin1');
    all[key] = { contentType, metadata, cacheControl, contentDisposition, bytes };
  }
  return all;
}

/** A copy without a journal, with each object's outcome. */
export async function copied(
  options: CopyStorageOptions,
): Promise<{ readonly summary: CopySummary; readonly objects: Record<string, CopiedObject> }> {
  const objects: Record<string, CopiedObject> = {};
  const summary = await copyStorage({
    journal: false,
    ...options,
    onObject: (object) => {
      objects[object.key] = object;
      options.onObject?.(object);
    },
  });
  return { summary, objects };
}

/** Files below a folder, temporary ones too. */
export async function filesIn(path: string): Promise<string[]> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

export const openDescriptors = (): number => readdirSync('/proc/self/fd').length;

/** The error of what must fail. */
export async function failure(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error('it did not fail');
}
