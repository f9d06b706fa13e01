/** Cases: readers and writers at once see whole versions, and reads that are given up leave nothing open. */
import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { sameBytes, type CaseContext } from '../case-context.js';
import { groupOf } from '../case-definition.js';
import { bytesOf, sha256 } from '../content.js';

const WRITES = 12;
const GIVEN_UP = 60;
const SETTLE_MS = 2000;

/** Versions of different sizes, so that bytes of one with the size of another show. */
const versionOf = (version: number) => bytesOf(20_000 + version * 9973, `version ${version}`);

async function handlesGoBackTo(context: CaseContext, before: number): Promise<void> {
  const deadline = Date.now() + SETTLE_MS;
  let now = await context.target.openHandles!();
  while (now > before && Date.now() < deadline) {
    await sleep(20);
    now = await context.target.openHandles!();
  }
  assert.ok(now <= before, `${now - before} handles are left open`);
}

export const concurrencyCases = groupOf('concurrency', {
  'reads during overwrites see one version whole, with its own metadata': async (context) => {
    const key = context.key('contended');
    const write = (version: number) => context.put(key, versionOf(version), { metadata: { version: String(version) } });
    await write(0);
    const digests = Array.from({ length: WRITES + 1 }, (_, version) => sha256(versionOf(version)));
    const writing = new AbortController();
    let reads = 0;
    const reader = async () => {
      while (!writing.signal.aborted) {
        const { file, body } = await context.storage.open(key);
        const bytes = await buffer(body);
        const version = digests.indexOf(sha256(bytes));
        assert.ok(version >= 0, `a read of ${bytes.length} bytes is no version that was ever written`);
        assert.deepEqual({ ...file.metadata }, { version: String(version) }, 'metadata of the same version');
        assert.equal(file.size, bytes.length, 'size of the same version');
        if (context.byUrl) {
          const served = sha256(await context.read(key));
          assert.ok(digests.includes(served), 'a signed URL gives a version that was written');
        }
        reads++;
      }
    };
    const writer = async () => {
      try {
        for (let version = 1; version <= WRITES; version++) await write(version);
      } finally {
        writing.abort();
      }
    };
    await Promise.all([writer(), reader(), reader(), reader()]);
    assert.ok(reads > 0, 'there were reads meanwhile');
    await context.holds(key, versionOf(WRITES), { metadata: { version: String(WRITES) } });
  },

  'writes of one key at once leave one of them whole': async (context) => {
    const key = context.key('raced');
    const versions = Array.from({ length: 8 }, (_, version) => version);
    const files = await Promise.all(
      versions.map((version) => context.put(key, versionOf(version), { metadata: { version: String(version) } })),
    );
    const { metadata, etag } = await context.eventually(() => context.storage.getMetadata(key));
    const version = Number(metadata.version);
    await context.holds(key, versionOf(version), { metadata: { version: String(version) }, etag });
    // The answer of a signed upload is asked for afterwards, when another write may have won.
    if (!context.byUrl) assert.equal(files[version]!.etag, etag, 'the etag that its writer was told');
    await context.lists(['raced']);
  },

  'a read that began before an overwrite or delete ends whole or with an error': async (context) => {
    const old = bytesOf(context.largeBytes, 'old');
    for (const change of ['overwrite', 'delete'] as const) {
      const key = context.key(change);
      await context.storage.put(key, old, { url: false });
      const opened = await context.storage.open(key);
      const parts: Buffer[] = [];
      try {
        for await (const part of opened.body as AsyncIterable<Buffer>) {
          if (parts.length === 0 && change === 'overwrite') await context.storage.put(key, 'new', { url: false });
          if (parts.length === 0 && change === 'delete') await context.storage.delete(key);
          parts.push(part);
        }
      } catch {
        continue;
      }
      sameBytes(Buffer.concat(parts), old, `an object read during its ${change}`);
    }
  },

  'reads that are given up leave nothing open': async (context) => {
    const key = context.key('given-up');
    await context.put(key, bytesOf(context.largeBytes, 'given up'));
    await context.storage.get(key, { range: { start: 0, end: 9 } });
    const before = await context.target.openHandles?.();
    for (let at = 0; at < GIVEN_UP; at += 10) {
      const streams = await Promise.all(Array.from({ length: 10 }, () => context.storage.getStream(key)));
      for (const [index, stream] of streams.entries()) {
        if (index % 2 === 0) stream.destroy();
        else for await (const chunk of stream) if (chunk) break;
      }
    }
    // Sockets or descriptors that were kept would run out here.
    assert.equal((await context.storage.get(key, { range: { start: 0, end: 9 } })).length, 10);
    if (before !== undefined) await handlesGoBackTo(context, before);
  },

  'operations that fail leave nothing open': async (context) => {
    const key = context.key('there');
    await context.put(key, 'x');
    const missing = context.key('missing');
    await context.fails(context.storage.get(missing), 'not-found');
    const before = await context.target.openHandles?.();
    for (let turn = 0; turn < 10; turn++) {
      await context.fails(context.storage.get(missing), 'not-found');
      await context.fails(context.storage.get(key, { range: { start: 5 } }), 'invalid-range');
      await context.fails(context.storage.get(key, { ifMatch: 'conformance-absent-etag' }), 'precondition-failed');
      const broken = context.storage.put(key, bytesOf(10, 'broken'), { size: 11, url: false });
      await context.fails(broken, 'size-mismatch');
    }
    if (before !== undefined) await handlesGoBackTo(context, before);
    await context.holds(key, 'x');
  },
});
