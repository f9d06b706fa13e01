/** A quota that is used up, as the kernel tells it of real calls: every room names it. Needs strace. */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { MAIN, Place } from '../cli/cli-process.js';
import { builtLibrary } from '../support/build-library.mjs';

interface Ran {
  readonly stdout: string;
  readonly stderr: string;
}

let place: Place;
beforeEach(async () => {
  place = await Place.make();
});
afterEach(() => place.remove());

/** Runs Node with calls of the system that fail for the quota. @param options of strace, such as the only path they fail at */
async function withoutRoom(calls: string, args: readonly string[], options: readonly string[] = []): Promise<Ran> {
  const faults = ['-e', `trace=${calls}`, '-e', `inject=${calls}:error=EDQUOT`, ...options];
  const strace = ['-f', '-qq', '-o', '/dev/null', ...faults, process.execPath, ...args];
  const env = { ...process.env, ...place.env };
  // A command that failed says why as well.
  const failed = (error: NodeJS.ErrnoException & Partial<Ran>): Ran => {
    if (error.code === 'ENOENT') throw new Error('strace is missing: apt-get install strace', { cause: error });
    return { stdout: error.stdout ?? '', stderr: error.stderr ?? '' };
  };
  return promisify(execFile)('strace', strace, { cwd: place.folder, env }).catch(failed);
}

describe('a quota that is used up', () => {
  it('stops a copy whose journal meets it, by the pool and in place alike', async () => {
    const journal = join(place.folder, 'journal.jsonl');
    const script = `
      const { copyStorage } = await import('${new URL('copy/index.js', builtLibrary).href}');
      const { MemoryBackend, StorageService } = await import('${new URL('index.js', builtLibrary).href}');
      const [from, to] = [new MemoryBackend(), new MemoryBackend()].map((backend) => new StorageService(backend));
      await from.put('k', 'body', { url: false });
      const told = (error) => JSON.stringify({ code: error.code, reason: error.reason, errno: error.cause.errno });
      await copyStorage({ from, to, journal: '${journal}' }).then(
        (summary) => console.log(told(summary.stopped)),
        (error) => console.log(told(error)),
      );
    `;
    const only = ['-P', journal];
    const { stdout, stderr } = await withoutRoom('write', ['--input-type=module', '-e', script], only);
    expect([stderr, JSON.parse(stdout)]).toEqual([
      '',
      { code: 'quota-exceeded', reason: 'there is no room left for the journal', errno: -122 },
    ]);
    await writeFile(join(place.folder, '.env'), `STORAGE_ARCHIVE_BACKEND=local\nSTORAGE_ARCHIVE_BASE_PATH=archive\n`);
    await place.run(['put', '-', 'a.txt'], { input: 'a' });
    const copy = [MAIN, 'copy', '--from', 'default', '--to', 'archive', '--journal', journal, '--json'];
    const command = await withoutRoom('write', copy, only);
    expect(`${command.stdout}${command.stderr}`).toContain('"code":"quota-exceeded"');
  });

  it('is told by get, and leaves no file', async () => {
    await place.run(['put', '-', 'a.txt'], { input: 'a' });
    const { stderr } = await withoutRoom('fsync', [MAIN, 'get', 'a.txt', 'b.txt']);
    expect(stderr).toBe('error: cannot write "b.txt": the quota of the disk is used up\n');
    expect((await place.run(['get', 'a.txt', 'b.txt'])).code).toBe(0);
  });

  it('is the cause that the doctor names', async () => {
    await place.run(['put', '-', 'a.txt'], { input: 'a' });
    const { stdout } = await withoutRoom('pwrite64,pwritev', [MAIN, 'doctor', '--json']);
    const { steps } = JSON.parse(stdout) as { steps: { outcome: string; cause?: string; advice?: string }[] };
    expect(steps.find(({ outcome }) => outcome === 'failed')).toMatchObject({
      cause: 'The quota of this user on the disk is used up.',
      advice: 'Free space, or raise the quota.',
    });
  });
});
