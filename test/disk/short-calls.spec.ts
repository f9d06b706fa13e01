/** Short calls in place: as from the pool in all that a caller sees, and given up where the file system is slow. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from '@jest/globals';
import { lstat, mkdir, open, close, read, rmdir, unlink, writeAll } from '../../lib/backends/local/fs-calls.js';
import { makeShortCallsInPlace, SHORT_BYTES, shortCall } from '../../lib/disk/short-calls.js';

const folder = mkdtempSync(join(tmpdir(), 'short-calls-'));
afterAll(() => rmSync(folder, { recursive: true }));

function busyFor(milliseconds: number): void {
  const until = performance.now() + milliseconds;
  while (performance.now() < until);
}

it('goes through the pool unless it was asked to block', async () => {
  const made: string[] = [];
  await shortCall(
    async () => void made.push('pooled'),
    () => made.push('blocking'),
  )();
  expect(made).toEqual(['pooled']);
});

describe('in place', () => {
  beforeEach(() => makeShortCallsInPlace());

  it('has done its work when the call returns', async () => {
    const path = join(folder, 'made');
    const made = mkdir(path, 0o700);
    expect(existsSync(path)).toBe(true);
    await made;
    await rmdir(path);
  });

  it('rejects, and never throws, with the error that the pool would give', async () => {
    const missing = open(join(folder, 'missing'), 0);
    await expect(missing).rejects.toMatchObject({ code: 'ENOENT', syscall: 'open' });
    await expect(lstat(join(folder, 'missing'))).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(close(1_000_000)).rejects.toMatchObject({ code: 'EBADF' });
  });

  it.each([SHORT_BYTES, SHORT_BYTES + 1])('writes and reads %i bytes whole', async (length) => {
    const path = join(folder, 'bytes');
    const fd = await open(path, 0o102, 0o600);
    const bytes = Buffer.alloc(length, 'abcdefg');
    await writeAll(fd, [bytes.subarray(0, 3), bytes.subarray(3)], 0);
    const found = Buffer.alloc(length);
    expect(await read(fd, found, length, 0)).toBe(length);
    expect(found.equals(bytes)).toBe(true);
    await close(fd);
    await unlink(path);
  });

  it('lets timers, sockets and the pool have their turn while calls follow each other', async () => {
    const turn = new AbortController();
    setImmediate(() => turn.abort());
    const deadline = performance.now() + 2_000;
    // Nothing but promises to wait for: such a loop never ends by itself.
    while (!turn.signal.aborted && performance.now() < deadline) await lstat(folder);
    expect(turn.signal.aborted).toBe(true);
  });

  it('goes back to the pool where calls take long', async () => {
    const made: string[] = [];
    const call = shortCall(
      async () => void made.push('pooled'),
      () => {
        made.push('blocking');
        busyFor(1);
      },
    );
    for (let n = 0; n < 60; n++) await call();
    expect(made[0]).toBe('blocking');
    expect(made.at(-1)).toBe('pooled');
    // For good, and for all calls.
    let blocked = false;
    await shortCall(
      async () => undefined,
      () => void (blocked = true),
    )();
    expect(blocked).toBe(false);
  });
});
