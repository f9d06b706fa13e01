/** A control: metadata in a file beside the data, both renamed into place. Looks right, and is not. */
import { readFile, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { TornReadSubject } from './torn-reads.js';

export class NaiveSidecarStore implements TornReadSubject {
  readonly #root: string;
  #count = 0;

  constructor(root: string) {
    this.#root = root;
  }

  async write(key: string, bytes: Buffer, version: number): Promise<void> {
    const path = join(this.#root, key);
    const temporary = join(this.#root, `.${++this.#count}`);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(`${temporary}.json`, JSON.stringify({ version, size: bytes.length }));
    await writeFile(temporary, bytes);
    await rename(`${temporary}.json`, `${path}.json`);
    await rename(temporary, path);
  }

  async remove(key: string): Promise<void> {
    await rm(join(this.#root, key), { force: true });
    await rm(join(this.#root, `${key}.json`), { force: true });
  }

  async read(key: string): Promise<{ bytes: Buffer; version: number; size: number } | undefined> {
    try {
      const facts = JSON.parse(await readFile(join(this.#root, `${key}.json`), 'utf8')) as {
        version: number;
        size: number;
      };
      return { bytes: await readFile(join(this.#root, key)), ...facts };
    } catch {
      return undefined;
    }
  }
}
