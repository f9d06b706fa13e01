/** 20,000 reads against 2,000 overwrites and deletes: local and memory hold, a naive sidecar store does not. */
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { LocalBackend } from '../../lib/backends/local/index.js';
import { MemoryBackend } from '../../lib/backends/memory/memory.backend.js';
import { parseKey, StorageFileNotFoundError, type StorageBackend } from '../../lib/contract/index.js';
import { NaiveSidecarStore } from './naive-sidecar.js';
import { tornReads, type TornReadSubject } from './torn-reads.js';

const READS = 20_000;
const WRITES = 2_000;

function subjectOf(backend: StorageBackend): TornReadSubject {
  return {
    async write(key, bytes, version) {
      const body = async function* () {
        yield bytes;
      };
      const options = { contentType: 'application/x-test', metadata: { version: String(version) } };
      await (await backend.stage(parseKey(key), body(), options)).commit();
    },
    async remove(key) {
      await backend.delete(parseKey(key));
    },
    async read(key) {
      try {
        const { info, body } = await backend.open(parseKey(key));
        return { bytes: await buffer(body), version: Number(info.metadata.version), size: info.size };
      } catch (error) {
        if (error instanceof StorageFileNotFoundError) return undefined;
        throw error;
      }
    },
  };
}

/** Descriptors of this process; closing one is not awaited by who read to the end. */
async function descriptors(atMost = 0): Promise<number> {
  let count = readdirSync('/proc/self/fd').length;
  for (let look = 0; look < 50 && count > atMost; look++) {
    await sleep(10);
    count = readdirSync('/proc/self/fd').length;
  }
  return count;
}

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'torn-reads-'));
});

afterEach(async () => {
  await rm(root, { recursive: true });
});

// An unhandled rejection fails the test that is running: the runner sees to that.
// Work, not waiting: 20,000 reads take what the machine takes.
jest.setTimeout(120_000);

describe('reads against overwrites and deletes', () => {
  it.each([
    // No grace time: readers often find the record gone and must look again.
    ['local', () => new LocalBackend({ root, durability: 'rename', metadataGrace: 0 })],
    ['memory', () => new MemoryBackend()],
  ] as const)('are never torn and never mixed: %s', async (_name, create) => {
    const before = await descriptors();
    const backend = create();
    const report = await tornReads(subjectOf(backend), READS, WRITES);
    expect(report).toMatchObject({ reads: READS, torn: 0, mixed: 0 });
    // Deletes were seen, and were not all there was to see.
    expect(report.missing).toBeGreaterThan(0);
    expect(report.missing).toBeLessThan(READS / 2);
    await backend.close();
    expect(await descriptors(before)).toBeLessThanOrEqual(before);
  });

  it('are mixed in a naive sidecar store: the load would find it', async () => {
    const report = await tornReads(new NaiveSidecarStore(root), READS / 4, WRITES / 4);
    expect(report.mixed).toBeGreaterThan(0);
  });
});
