/** The conformance suite over the store in memory, scoped too, and over a driver that leaves to the base what it can. */
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { MemoryBackend } from '../../lib/backends/memory/memory.backend.js';
import { parseKey, type CopyOptions, type StorageKey } from '../../lib/contract/index.js';
import { registerConformance } from '../../lib/testing/index.js';
import { ScopeBackend } from '../../lib/wrappers/index.js';
import { PlainBackend } from './plain.backend.js';

const runner = { describe, it, beforeAll, afterAll };

registerConformance(runner, {
  name: 'memory',
  create: async () => {
    const backend = new MemoryBackend();
    return { backend, close: () => backend.close() };
  },
});

registerConformance(runner, {
  name: 'memory, scoped',
  create: async () => {
    const inner = new MemoryBackend();
    return { backend: new ScopeBackend(inner, 'tenants/acme 公司'), close: () => inner.close() };
  },
});

registerConformance(runner, {
  name: 'a driver of primitives alone',
  create: async () => {
    const backend = new PlainBackend();
    return { backend, close: () => backend.close() };
  },
});

describe('the base of drivers', () => {
  it("moves by the driver's own copy where there is one, so that no byte passes through the process", async () => {
    const backend = new PlainBackend();
    const [from, to] = [parseKey('from'), parseKey('to')];
    await (
      await backend.stage(from, Readable.from([Buffer.from('x')]), { contentType: 'text/plain', metadata: {} })
    ).commit();
    const copied = await backend.stat(from);
    const copy = jest.spyOn(backend, 'copy').mockResolvedValue(copied);
    const stage = jest.spyOn(backend, 'stage');
    expect(await backend.move(from, to)).toBe(copied);
    expect([copy.mock.calls.length, stage.mock.calls.length]).toEqual([1, 0]);
  });

  it('tells a missing source as the move that was asked for, whoever looked', async () => {
    class CopyingBackend extends PlainBackend {
      override copy(from: StorageKey, to: StorageKey, options?: CopyOptions) {
        return super.copy(from, to, options);
      }
    }
    const moved = new CopyingBackend().move(parseKey('missing'), parseKey('to'));
    const error = await moved.catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: 'StorageFileNotFoundError', operation: 'move', key: 'missing' });
    expect((error as Error).cause).toMatchObject({ operation: 'copy' });
  });
});
