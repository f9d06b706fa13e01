/** deleteExtra: what goes from the target, and above all what does not. */
import { describe, expect, it } from '@jest/globals';
import { InvalidOptionsError, PreconditionFailedError, StorageUnavailableError } from '../../lib/contract/index.js';
import { copyStorage } from '../../lib/copy/index.js';
import { MemoryBackend } from '../../lib/backends/memory/memory.backend.js';
import { FakeStorage } from '../../lib/testing/index.js';
import { StorageService } from '../../lib/storage.service.js';
import { contents, copied, failure, memoryStorage, watched } from './rig.js';

const all = { deleteExtra: { confirm: true } } as const;

async function filled(storage: StorageService): Promise<StorageService> {
  for (let n = 0; n < 40; n++) await storage.put(`many/${n}.txt`, `file ${n}`, { url: false });
  return storage;
}

describe('deleteExtra', () => {
  it('deletes only what the source does not have, under the prefix, when asked with a second word', async () => {
    const [from, to] = [await filled(memoryStorage()), memoryStorage()];
    for (const key of ['many/extra', 'many/z', 'elsewhere']) await to.put(key, 'x', { url: false });
    const { summary: kept } = await copied({ from, to, prefix: 'many/' });
    expect(kept).toMatchObject({ ok: true, extra: { objects: 2, bytes: 2 }, deleted: { objects: 0 } });
    const { summary, objects } = await copied({ from, to, prefix: 'many/', deleteExtra: { confirm: true } });
    expect(summary).toMatchObject({ ok: true, deleted: { objects: 2, bytes: 2 } });
    expect(objects['many/z']).toEqual({ key: 'many/z', size: 1, outcome: 'deleted' });
    expect(await to.exists('many/extra')).toBe(false);
    expect(await to.exists('elsewhere')).toBe(true);
    const half = copied({ from, to, deleteExtra: {} as { confirm: true } });
    expect(await failure(half)).toBeInstanceOf(InvalidOptionsError);
  });

  it('works where the target lists in no order', async () => {
    const from = await filled(memoryStorage());
    const { storage: to } = watched({ ordering: 'none' });
    await to.put('extra', 'x', { url: false });
    expect((await copied({ from, to, deleteExtra: { confirm: true } })).summary.deleted.objects).toBe(1);
    expect(await contents(to)).toEqual(await contents(from));
  });

  it('deletes nothing when something failed, and nothing at all for an empty source', async () => {
    const from = new FakeStorage();
    await from.seed({ a: 'x', b: 'y' });
    const to = memoryStorage();
    await to.put('extra', 'x', { url: false });
    from.failNext('get', new StorageUnavailableError({ operation: 'get' }), { key: 'a' });
    const { summary } = await copied({ from, to, deleteExtra: { confirm: true } });
    expect(summary).toMatchObject({ ok: false, failed: { objects: 1 }, deleted: { objects: 0 } });
    const empty = copied({ from: memoryStorage(), to, deleteExtra: { confirm: true } });
    expect(await failure(empty)).toBeInstanceOf(InvalidOptionsError);
    expect(await to.exists('extra')).toBe(true);
  });

  it('spares what the source got since it was listed', async () => {
    const from = await filled(memoryStorage());
    const { backend, storage: to } = watched();
    await to.put('late', 'x', { url: false });
    backend.beforeCommit = () => void from.put('late', 'x', { url: false });
    expect((await copied({ from, to, deleteExtra: { confirm: true } })).summary.deleted.objects).toBe(0);
    expect(await to.exists('late')).toBe(true);
  });

  it.each(['utf8', 'none'] as const)(
    'spares what was written to a target of ordering %s since the copy began, new or over what was extra',
    async (ordering) => {
      const from = await filled(memoryStorage());
      const { backend, storage: to } = watched({ ordering });
      await to.put('extra', 'x', { url: false });
      await to.put('replaced', 'old', { url: false });
      const { summary, objects } = await copied({
        from,
        to,
        ...all,
        // The target's users go on.
        onProgress: ({ phase }) => {
          if (phase !== 'copying') return;
          void to.put('replaced', 'new', { url: false });
          void to.put('written', 'new', { url: false });
        },
      });
      expect(summary).toMatchObject({ ok: true, extra: { objects: 2 }, deleted: { objects: 1 } });
      expect(objects['extra']).toMatchObject({ outcome: 'deleted' });
      expect([String(await to.get('replaced')), String(await to.get('written'))]).toEqual(['new', 'new']);
      expect(await to.exists('extra')).toBe(false);
      expect(backend.stages).toContain('written');
    },
  );

  it('spares what is written over an extra object after the last listing', async () => {
    const from = await filled(memoryStorage());
    const { backend, storage: to } = watched();
    await to.put('extra', 'old', { url: false });
    let listings = 0;
    backend.afterList = async () => {
      if (++listings === 2) await to.put('extra', 'new', { url: false });
    };
    expect((await copied({ from, to, ...all })).summary).toMatchObject({ ok: true, deleted: { objects: 0 } });
    expect(String(await to.get('extra'))).toBe('new');
  });

  it.each(['utf8', 'none'] as const)(
    'is refused where what would go is not what was expected (%s)',
    async (ordering) => {
      const from = await filled(memoryStorage());
      const { backend, storage: to } = watched({ ordering });
      for (const key of ['x', 'y', 'z']) await to.put(key, key, { url: false });
      const look = async () => {
        const { summary } = await copied({ from, to, dryRun: true, ...all });
        expect(summary).toMatchObject({ deleted: summary.extra });
        return summary.extraFingerprint!;
      };
      const expected = await look();
      expect(await look()).toBe(expected);
      backend.stages = [];
      const deleting = (fingerprint: string) =>
        copied({ from, to, deleteExtra: { confirm: true, expected: fingerprint } });
      // Another object in place of one, and another version of one.
      await to.delete('y');
      await to.put('w', 'w', { url: false });
      expect(await failure(deleting(expected))).toBeInstanceOf(PreconditionFailedError);
      await to.delete('w');
      await to.put('y', 'y', { url: false });
      expect(await failure(deleting(expected))).toBeInstanceOf(PreconditionFailedError);
      expect(await failure(deleting('0-0000000000000000'))).toBeInstanceOf(PreconditionFailedError);
      expect(backend.stages.filter((key) => key.startsWith('many/'))).toEqual([]);
      expect((await deleting(await look())).summary).toMatchObject({ ok: true, deleted: { objects: 3 } });
      expect(await contents(to)).toEqual(await contents(from));
      const none = await look();
      expect((await deleting(none)).summary).toMatchObject({ ok: true, deleted: { objects: 0 } });
    },
  );

  it('deletes a key that the source could not even name', async () => {
    const from = await filled(new StorageService(new MemoryBackend(), { strictKeys: true }));
    const to = memoryStorage();
    await to.put('not strict!', 'x', { url: false });
    expect((await copied({ from, to, ...all })).summary).toMatchObject({ ok: true, deleted: { objects: 1 } });
    expect(await to.exists('not strict!')).toBe(false);
  });

  it('tells as failed a key that the target itself cannot name, and deletes the others', async () => {
    const from = await filled(memoryStorage());
    const backend = new MemoryBackend();
    await new StorageService(backend).put('not strict!', 'x', { url: false });
    const to = new StorageService(backend, { strictKeys: true });
    await to.put('strict', 'x', { url: false });
    const { summary, objects } = await copied({ from, to, ...all });
    expect(summary).toMatchObject({ ok: false, copied: { objects: 40 }, deleted: { objects: 1 } });
    expect(objects['not strict!']).toMatchObject({ outcome: 'failed', error: { code: 'invalid-key' } });
  });

  it.each(['list', 'delete'] as const)('ends with a summary where the target fails to %s then', async (operation) => {
    const from = await filled(memoryStorage());
    const to = new FakeStorage();
    await to.seed({ extra: 'x' });
    const failNext = () => to.failNext(operation, new StorageUnavailableError({ operation }));
    const summary = await copyStorage({
      from,
      to,
      journal: false,
      ...all,
      onProgress: ({ phase }) => void (phase === 'deleting' && failNext()),
    });
    expect(summary).toMatchObject({ ok: false, copied: { objects: 40 }, deleted: { objects: 0 } });
    expect(summary.stopped ?? summary.failures[0]?.error).toBeInstanceOf(StorageUnavailableError);
    expect(await to.exists('extra')).toBe(true);
  });
});
