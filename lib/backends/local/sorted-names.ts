/** The entries of a folder in key order, remembered for huge folders as long as they are surely unchanged. */
import fs, { type Dirent } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import { compareKeys, parsePrefix, StorageError } from '../../contract/index.js';
import type { Folder } from './contained-root.js';
import { readdir } from './fs-calls.js';

/** Names in folders smaller than this are read anew each time. */
const WORTH_KEEPING = 1_000;
/** Most names kept, over all folders. */
const MOST_KEPT = 300_000;
/**
 * A folder's time moves in steps (milliseconds, on some file systems 2 seconds), so two changes may share one. Names
 * are kept only if the folder had been still for longer than a step when they were read. Milliseconds.
 */
const STILL = 3_000;
/** Folders whose own size in bytes is above this are read piece by piece, so that the event loop goes on turning. */
const HUGE = 128 * 1024;
const PIECE = 4_096;

interface Kept {
  readonly names: readonly string[];
  readonly stamp: string;
}

export class SortedNames {
  readonly #kept = new LRUCache<string, Kept>({ maxSize: MOST_KEPT, sizeCalculation: ({ names }) => names.length });

  /** Valid names only: files as they are, folders with a `/` at the end. Links, pipes and the like are left out. */
  async of(folder: Folder, path: string): Promise<readonly string[]> {
    const began = Date.now();
    const stats = await folder.stats();
    const stamp = `${stats.dev}-${stats.ino}-${stats.mtimeNs}-${stats.ctimeNs}`;
    const kept = this.#kept.get(path);
    if (kept?.stamp === stamp) return kept.names;
    if (kept) this.#kept.delete(path);
    const names = await sorted(stats.size > HUGE ? await readInPieces(folder) : named(await readdir(folder.self)));
    if (names.length >= WORTH_KEEPING && began - Number(stats.mtimeMs) > STILL) this.#kept.set(path, { names, stamp });
    return names;
  }
}

function named(entries: readonly Dirent[]): string[] {
  const names: string[] = [];
  for (const entry of entries) {
    const name = nameOf(entry);
    if (name !== undefined) names.push(name);
  }
  return names;
}

/** The name as a listing has it. Undefined for what no key can name. */
export function nameOf(entry: Dirent): string | undefined {
  const folder = entry.isDirectory();
  if (!folder && !entry.isFile()) return undefined;
  // As a folder name, whether it is one or not: the rule for the very last dot is checked with the whole key.
  return isSegment(entry.name) ? (folder ? `${entry.name}/` : entry.name) : undefined;
}

const PLAIN = /^[A-Za-z0-9_-][A-Za-z0-9._-]*[A-Za-z0-9_-]$/;

function isSegment(name: string): boolean {
  if (PLAIN.test(name)) return true;
  try {
    parsePrefix(`${name}/`);
    return true;
  } catch (error) {
    if (error instanceof StorageError) return false;
    throw error;
  }
}

/** Not the recursive form, which drops entries on Node 20. */
async function readInPieces(folder: Folder): Promise<string[]> {
  const names: string[] = [];
  let seen = 0;
  for await (const entry of await fs.promises.opendir(folder.self, { bufferSize: PIECE })) {
    const name = nameOf(entry);
    if (name !== undefined) names.push(name);
    if (++seen % PIECE === 0) await nextTurn();
  }
  return names;
}

/** Merge sort in slices, a turn of the event loop between them. */
async function sorted(names: string[]): Promise<string[]> {
  if (names.length <= PIECE) return names.sort(compareKeys);
  let runs: string[][] = [];
  for (let at = 0; at < names.length; at += PIECE) {
    runs.push(names.slice(at, at + PIECE).sort(compareKeys));
    await nextTurn();
  }
  while (runs.length > 1) {
    const merged: string[][] = [];
    for (let at = 0; at < runs.length; at += 2) {
      merged.push(at + 1 < runs.length ? await merge(runs[at]!, runs[at + 1]!) : runs[at]!);
    }
    runs = merged;
  }
  return runs[0]!;
}

async function merge(left: readonly string[], right: readonly string[]): Promise<string[]> {
  const all: string[] = [];
  let l = 0;
  let r = 0;
  while (l < left.length || r < right.length) {
    const fromLeft = r === right.length || (l < left.length && compareKeys(left[l]!, right[r]!) <= 0);
    all.push(fromLeft ? left[l++]! : right[r++]!);
    if (all.length % PIECE === 0) await nextTurn();
  }
  return all;
}
