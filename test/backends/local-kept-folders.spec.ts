/** Folders that stay open where calls are made in place: never another folder than the one that is there now. */
import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { LocalBackend } from '../../lib/backends/local/index.js';
import { PermissionDeniedError } from '../../lib/contract/index.js';
import { makeShortCallsInPlace } from '../../lib/disk/short-calls.js';
import { StorageService } from '../../lib/storage.service.js';

let parent: string;
let root: string;
let storage: StorageService;

beforeEach(async () => {
  makeShortCallsInPlace();
  parent = await mkdtemp(join(tmpdir(), 'kept-'));
  root = join(parent, 'root');
  storage = new StorageService(new LocalBackend({ root, durability: 'rename' }));
});

afterEach(async () => {
  await storage.close();
  await rm(parent, { recursive: true });
});

const put = (key: string, ifNoneMatch?: '*') => storage.put(key, key, { url: false, ifNoneMatch });

/** Folders below the root that this process has open. */
function openFolders(): string[] {
  return readdirSync('/proc/self/fd')
    .map((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`);
      } catch {
        return '';
      }
    })
    .filter((path) => path.startsWith(parent));
}

it('are closed with the backend', async () => {
  for (let n = 0; n < 20; n++) await put(`folder-${n}/a`);
  expect(openFolders()).toContain(join(root, 'folder-7'));
  await storage.close();
  expect(openFolders()).toEqual([]);
});

it('are not more than a process may have open, however many are written', async () => {
  for (let n = 0; n < 400; n++) await put(`folder-${n}/a`);
  expect(openFolders().length).toBeLessThanOrEqual(300);
});

it.each([undefined, '*'] as const)('give way to a new folder of the same name, condition %s', async (condition) => {
  await put('folder/a', condition);
  await rm(join(root, 'folder'), { recursive: true });
  await put('folder/b', condition);
  expect(readdirSync(join(root, 'folder'))).toEqual(['b']);
});

it('are not followed to where they were moved', async () => {
  await put('folder/a');
  await rename(join(root, 'folder'), join(parent, 'moved'));
  await put('folder/b');
  await mkdir(join(root, 'other'));
  await rename(join(root, 'folder'), join(root, 'other/folder'));
  await put('folder/c');
  expect(readdirSync(join(parent, 'moved'))).toEqual(['a']);
  expect(readdirSync(join(root, 'other/folder'))).toEqual(['b']);
  expect(readdirSync(join(root, 'folder'))).toEqual(['c']);
});

it('do not hide a symbolic link that was put in their place', async () => {
  await put('folder/a');
  await rename(join(root, 'folder'), join(parent, 'outside'));
  await symlink(join(parent, 'outside'), join(root, 'folder'));
  await expect(put('folder/b')).rejects.toBeInstanceOf(PermissionDeniedError);
  expect(existsSync(join(parent, 'outside/b'))).toBe(false);
});

it('of records and temporary files are made again when they were removed', async () => {
  await storage.put('a', 'a', { url: false, contentType: 'text/x-a' });
  await rm(join(root, '.nestjs-storage'), { recursive: true });
  await storage.put('a', 'b', { url: false, contentType: 'text/x-b' });
  expect(await storage.getMetadata('a')).toMatchObject({ contentType: 'text/x-b', size: 1 });
});
