/** From forRoot() to the first signed URL in at most ten lines: the guide's own block, counted and run as it stands. */
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { INestApplication } from '@nestjs/common';
import ts from 'typescript';

const ROOT = resolve(import.meta.dirname, '../..');
const MOST_LINES = 10;
// Inside node_modules, where the block's imports resolve as they do for an app.
const BUILT = join(ROOT, 'node_modules/.cache/nestjs-storage/blocks');

let block: string;
let folder: string;
const before = { ...process.env };

beforeAll(async () => {
  const guide = await readFile(join(ROOT, 'docs/getting-started.md'), 'utf8');
  block = /^## A signed URL in ten lines\n\n```ts\n([\s\S]*?)^```$/m.exec(guide)![1]!;
  folder = await mkdtemp(join(tmpdir(), 'nestjs-storage-first-url-'));
  Object.assign(process.env, { STORAGE_BACKEND: 'local', STORAGE_BASE_PATH: folder, PORT: '0' });
});

afterAll(async () => {
  for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
  Object.assign(process.env, before);
  await rm(folder, { recursive: true, force: true });
});

describe('the first block of docs/getting-started.md', () => {
  it('has at most ten lines, imports and all', () => {
    const lines = block.split('\n').filter((line) => line.trim() !== '');
    expect(lines.length).toBeLessThanOrEqual(MOST_LINES);
    expect(lines.every((line) => line.length <= 120)).toBe(true);
    expect(block).toContain('StorageModule.forRoot()');
  });

  it('runs, and prints a URL that serves the file', async () => {
    const path = join(BUILT, `first-url-${randomUUID()}.mjs`);
    const { outputText } = ts.transpileModule(`${block}export { app };\n`, {
      compilerOptions: {
        target: ts.ScriptTarget.ES2023,
        module: ts.ModuleKind.ESNext,
        experimentalDecorators: true,
        emitDecoratorMetadata: true,
      },
    });
    await mkdir(BUILT, { recursive: true });
    await writeFile(path, outputText);
    const printed = jest.spyOn(console, 'log').mockImplementation(() => undefined);
    const logged = jest.spyOn(process.stdout, 'write').mockImplementation(() => true);
    let app: INestApplication | undefined;
    try {
      ({ app } = (await import(pathToFileURL(path).href)) as { app: INestApplication });
      expect(printed.mock.calls).toEqual([[expect.stringMatching(/^http:\/\/[^/]+\/files\/[\w-]+\/hello\.txt$/)]]);
      const response = await fetch(String(printed.mock.calls[0]![0]));
      expect([response.status, await response.text()]).toEqual([200, 'Hello!']);
      expect(await readFile(join(folder, 'hello.txt'), 'utf8')).toBe('Hello!');
    } finally {
      printed.mockRestore();
      logged.mockRestore();
      await app?.close();
      await rm(path, { force: true });
    }
  });
});
