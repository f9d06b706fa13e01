/** The local backend as plain JavaScript in a folder, for child processes that are killed or run as another user. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import ts from 'typescript';

const PROJECT = resolve(import.meta.dirname, '../..');
const SOURCES = ['lib/backends/local', 'lib/contract', 'lib/disk', 'test/faults/children'];

/** Compiles without checking types (the type check does that). @returns the folder, which mirrors the project */
export function compiled(): string {
  const out = mkdtempSync(join(tmpdir(), 'local-compiled-'));
  for (const folder of SOURCES) {
    for (const name of readdirSync(join(PROJECT, folder))) {
      const source = join(PROJECT, folder, name);
      const target = join(out, relative(PROJECT, source)).replace(/\.ts$/, '.js');
      const { outputText } = ts.transpileModule(readFileSync(source, 'utf8'), {
        compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023 },
      });
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, outputText);
    }
  }
  writeFileSync(join(out, 'package.json'), '{"type":"module"}');
  symlinkSync(join(PROJECT, 'node_modules'), join(out, 'node_modules'));
  return out;
}
