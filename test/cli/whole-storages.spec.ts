/** doctor and copy, and what is asked at a terminal. */
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stripVTControlCharacters as plain } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Diagnosis } from '../../lib/doctor/index.js';
import { Place, type Given, type Ran } from './cli-process.js';

let place: Place;
beforeEach(async () => {
  place = await Place.make();
  await mkdir(join(place.files, 'docs'), { recursive: true });
  for (const name of ['a.txt', 'docs/b.txt', 'docs/c.txt']) await writeFile(join(place.files, name), name);
});
afterEach(() => place.remove());

const archive = () => ({
  STORAGE_ARCHIVE_BACKEND: 'local',
  STORAGE_ARCHIVE_BASE_PATH: join(place.folder, 'archive'),
  STORAGE_ARCHIVE_DURABILITY: 'rename',
});
const copy = (args: string[], given: Given = {}) =>
  place.run(['copy', '--from', 'default', '--to', 'archive', ...args], { env: archive(), ...given });
const listed = async () => (await place.run(['ls', '-r', '-s', 'archive'], { env: archive() })).out;

describe('doctor', () => {
  it('tells each step with its time, ends with 0 where all is well, and leaves nothing', async () => {
    const before = await readdir(place.files, { recursive: true });
    const { code, out, err } = await place.runProcess(['doctor']);
    expect([code, err]).toEqual([0, '']);
    const steps = out
      .trimEnd()
      .split('\n')
      .filter((line) => !line.startsWith(' '));
    expect(steps.at(-1)).toMatch(/^The storage default \(local\) works.*\. \d+(?:\.\d)? m?s\.$/);
    expect(steps.length).toBeGreaterThan(5);
    for (const step of steps.slice(0, -1)) expect(step).toMatch(/^(?:(?:ok|warn) +\d+(?:\.\d)? m?s|skip) +[A-Z]/);
    const after = await readdir(place.files, { recursive: true });
    expect(after.filter((name) => !name.startsWith('.nestjs-storage'))).toEqual(before);
  });

  it('ends with 1 where a step failed, with cause and what to do; with --json as one document', async () => {
    await rm(place.files, { recursive: true });
    await writeFile(place.files, 'a file in place of the folder');
    const people = await place.run(['doctor']);
    expect(people.code).toBe(1);
    expect(people.out).toMatch(/^FAIL .*\n +Cause: .+\n +To do: .+$/m);
    expect(people.out).toMatch(/does not work: \d+ steps? failed/);
    const { code, out, err } = await place.run(['doctor', '--json']);
    expect([code, err]).toEqual([1, '']);
    const diagnosis = JSON.parse(out) as Diagnosis;
    expect(diagnosis).toMatchObject({ storage: 'default', backend: 'local', ok: false });
    expect(diagnosis.steps.find(({ outcome }) => outcome === 'failed')).toMatchObject({
      cause: expect.any(String),
      advice: expect.any(String),
      seconds: expect.any(Number),
    });
  });

  it('takes a name without variables for a slip', async () => {
    const { code, err } = await place.run(['doctor', '-s', 'archiv'], { env: archive() });
    expect([code, err]).toEqual([1, expect.stringContaining('Storages with variables here: archive, default.')]);
  });
});

describe('copy', () => {
  it('brings everything over, and a second time nothing', async () => {
    const first = await place.runProcess(['copy', '--from', 'default', '--to', 'archive', '--verify'], {
      env: archive(),
    });
    expect([first.code, first.err]).toEqual([0, '']);
    expect(first.out).toMatch(/^in the source +3 objects +25B$/m);
    expect(first.out).toMatch(/^copied +3 objects +25B$/m);
    expect(first.out).toMatch(/^verified +3 objects/m);
    expect(first.out).toMatch(/^Done\. /m);
    const second = await copy(['--json']);
    expect([second.code, second.err]).toEqual([0, '']);
    expect(JSON.parse(second.out)).toMatchObject({
      ok: true,
      dryRun: false,
      total: { objects: 3, bytes: 25 },
      copied: { objects: 0, bytes: 0 },
      skipped: { objects: 3, bytes: 25 },
      differed: { objects: 0 },
      failed: { objects: 0 },
      deleted: { objects: 0 },
      failures: [],
      differences: [],
    });
  });

  it('writes nothing with --dry-run, and says what it would do', async () => {
    const { code, out } = await copy(['--dry-run', '--verbose', '--prefix', 'docs/']);
    expect(code).toBe(0);
    expect(out).toMatch(/^would copy +docs\/b\.txt\nwould copy +docs\/c\.txt$/m);
    expect(out).toMatch(/^to copy +2 objects/m);
    expect(out).toContain('Dry run: nothing was written.');
    expect(await listed()).toBe('');
  });

  it('ends with 1 where objects differ, and names them', async () => {
    await copy([]);
    await place.run(['put', '-', 'a.txt', '-s', 'archive'], { env: archive(), input: 'changed there' });
    const { code, out, err } = await copy(['--no-journal']);
    expect(code).toBe(1);
    expect(out).toMatch(/^differed +1 object /m);
    expect(err).toMatch(/^Differed \(--overwrite .*\n {2}a\.txt: .*size/m);
    expect((await copy(['--no-journal', '--overwrite'])).code).toBe(0);
  });

  it('is refused onto itself, and with a storage that is not configured', async () => {
    const same = await place.run(['copy', '--from', 'default', '--to', 'default']);
    expect([same.code, same.err]).toEqual([2, expect.stringContaining('are the same storage')]);
    const unknown = await place.run(['copy', '--from', 'default', '--to', 'nowhere']);
    expect([unknown.code, unknown.err]).toEqual([1, expect.stringContaining('"nowhere" is not configured')]);
  });
});

describe('a copy that is refused', () => {
  beforeEach(async () => {
    // A file there, where the source has a folder.
    await place.run(['put', '-', 'docs', '-s', 'archive'], { env: archive(), input: 'a file' });
  });

  it('names the options of the command, not those of the API', async () => {
    const { code, out, err } = await copy([]);
    expect([code, out]).toEqual([1, '']);
    expect(err).toContain('the target cannot hold 2 of the objects, and nothing was written');
    expect(err).toContain('or copy the rest with --skip-unholdable.');
    expect(await listed()).toBe('docs\n');
    const rest = await copy(['--skip-unholdable']);
    expect([rest.code, rest.out]).toEqual([1, expect.stringMatching(/^copied +1 object /m)]);
    const empty = await copy(['--prefix', 'absent/', '--delete-extra', '--confirm-delete-extra']);
    expect(empty.err).toContain('Check --from and --prefix');
    const foreign = await copy(['--journal', 'files/a.txt']);
    expect([foreign.code, foreign.err]).toEqual([2, expect.stringContaining('Name another file with --journal;')]);
    expect((await copy(['--journal', ''])).err).toContain('--no-journal');
    for (const { err: told } of [empty, foreign, rest])
      expect(told).not.toMatch(/`|skipUnholdable|deletePrefix|\(false\)/);
  });

  it('lists with --json every object that cannot be held', async () => {
    const { code, err } = await copy(['--json']);
    expect(code).toBe(1);
    expect(JSON.parse(err)).toMatchObject({
      error: {
        code: 'not-supported',
        problemCount: 2,
        problems: [
          { key: 'docs/b.txt', error: { code: 'key-conflict', message: expect.stringContaining('docs') } },
          { key: 'docs/c.txt', error: { code: 'key-conflict' } },
        ],
      },
    });
  });

  it('has no source: a mistyped path is not made, and not copied as an empty one', async () => {
    const env = { ...archive(), STORAGE_BASE_PATH: join(place.folder, 'mistyped') };
    const { code, out, err } = await place.run(['copy', '--from', 'default', '--to', 'archive'], { env });
    expect([code, out]).toEqual([1, '']);
    expect(err).toContain('the folder of the source is not there');
    expect(await readdir(place.folder)).not.toContain('mistyped');
  });
});

describe('--delete-extra', () => {
  beforeEach(async () => {
    await copy([]);
    await place.run(['put', '-', 'extra.txt', '-s', 'archive'], { env: archive(), input: 'only here' });
  });

  it('is asked twice: alone it is wrong use where nobody can be asked', async () => {
    const { code, err } = await copy(['--delete-extra']);
    expect([code, err]).toEqual([2, expect.stringContaining('add --confirm-delete-extra')]);
    expect((await copy(['--confirm-delete-extra'])).code).toBe(2);
    expect(await listed()).toContain('extra.txt');
    const plan = await copy(['--delete-extra', '--dry-run']);
    expect([plan.code, plan.out]).toEqual([0, expect.stringMatching(/^to delete +1 object /m)]);
    expect(await listed()).toContain('extra.txt');
  });

  it('deletes with the second yes', async () => {
    const { code, out } = await copy(['--delete-extra', '--confirm-delete-extra']);
    expect([code, out]).toEqual([0, expect.stringMatching(/^deleted +1 object /m)]);
    expect(await listed()).toBe('a.txt\ndocs/b.txt\ndocs/c.txt\n');
  });

  it('shows at a terminal what would go, and takes only the number of it for a yes', async () => {
    const no = await copy(['--delete-extra'], { terminal: true, input: 'y\n' });
    expect(no.code).toBe(1);
    expect(plain(no.err)).toContain(
      '1 object that only the storage archive has will be deleted there, such as extra.txt.',
    );
    expect(plain(no.err)).toContain('Nothing was copied, and nothing deleted.');
    expect(await listed()).toContain('extra.txt');
    const yes = await copy(['--delete-extra'], { terminal: true, input: '1\n' });
    expect([yes.code, plain(yes.out)]).toEqual([0, expect.stringMatching(/^deleted +1 object /m)]);
    expect(await listed()).not.toContain('extra.txt');
  });

  it('takes a yes for what was shown alone: what is written to the target meanwhile stops the copy', async () => {
    await writeFile(join(place.files, 'new.txt'), 'new');
    const write = () => writeFile(join(place.folder, 'archive/meanwhile.txt'), 'theirs');
    const late = await copy(['--delete-extra'], { terminal: true, input: '1\n', asked: write });
    expect([late.code, plain(late.err)]).toEqual([1, expect.stringContaining('no longer what was confirmed')]);
    expect(plain(late.err)).toContain('Run the same command again');
    expect(await listed()).toBe('a.txt\ndocs/b.txt\ndocs/c.txt\nextra.txt\nmeanwhile.txt\n');
  });
});

describe('at a terminal', () => {
  it('a copy shows a bar that is gone when it is done, and gives the cursor back', async () => {
    const { code, err, out } = await copy([], { terminal: true });
    expect(code).toBe(0);
    expect(plain(err)).toMatch(/\[[=-]{12}\] +\d+% {2}\d\/3 {2}\d+B\/25B/);
    expect(err.lastIndexOf('\u001b[?25h')).toBeGreaterThan(err.lastIndexOf('\u001b[?25l'));
    expect(out).not.toContain('%');
  });

  it('rm asks, with what would go, and takes anything but yes for no', async () => {
    const rm1 = (input: string): Promise<Ran> => place.run(['rm', '-r', 'docs/'], { terminal: true, input });
    const no = await rm1('\n');
    expect(no.code).toBe(1);
    expect(plain(no.err)).toContain('Delete 2 objects (docs/b.txt, …) from the storage default (local)? [y/N]');
    expect(plain(no.err)).toContain('Nothing was deleted.');
    expect((await place.run(['ls', 'docs/'])).out).toContain('docs/b.txt');
    const yes = await rm1('yes\n');
    expect([yes.code, yes.out]).toEqual([0, 'deleted  docs/b.txt\ndeleted  docs/c.txt\n']);
  });
});
