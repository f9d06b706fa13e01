/** Compiles a test's own app to stand beside the library that was compiled before the tests, for processes of its own. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import ts from 'typescript';

/** Has the library as `lib`, as the project has, and finds the project's packages. */
const COMPILED = resolve(import.meta.dirname, '../../node_modules/.cache/nestjs-storage');

/**
 * Compiles without checking types (the type check does that).
 *
 * @param path of the module below the project's root, like `test/tenants/cls-app.js`
 * @returns absolute path of the module
 */
export function compileBesideLibrary(path: string, source: string): string {
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: {
      module: ts.ModuleKind.ESNext,
      target: ts.ScriptTarget.ES2023,
      experimentalDecorators: true,
      emitDecoratorMetadata: true,
    },
  });
  const target = resolve(COMPILED, path);
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(resolve(COMPILED, 'package.json'), '{"type":"module"}');
  writeFileSync(target, outputText);
  return target;
}
