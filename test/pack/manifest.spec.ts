/** What is packed, and whether its manifest tells the truth: files, exports, types, imports. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import ts from 'typescript';
import { pack, removeFolder, ROOT, runProgram, temporaryFolder, type Tarball } from './tarball.js';

interface Manifest {
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta: Readonly<Record<string, { readonly optional?: boolean }>>;
}

const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Manifest;
const optional = (name: string) => manifest.peerDependenciesMeta[name]?.optional === true;

/** Packages that a file imports, by any syntax; without Node's own. */
function packagesOf(path: string): string[] {
  const { importedFiles, typeReferenceDirectives } = ts.preProcessFile(readFileSync(join(ROOT, path), 'utf8'));
  return [...importedFiles, ...typeReferenceDirectives]
    .map(({ fileName }) => fileName)
    .filter((name) => !name.startsWith('.') && !name.startsWith('node:'))
    .map((name) =>
      name
        .split('/')
        .slice(0, name.startsWith('@') ? 2 : 1)
        .join('/'),
    );
}

/** Packages that a file and all it reaches inside the package import. */
function reached(path: string, seen = new Set<string>()): Set<string> {
  const packages = new Set<string>();
  if (seen.has(path)) return packages;
  seen.add(path);
  for (const name of packagesOf(path)) packages.add(name);
  const source = readFileSync(join(ROOT, path), 'utf8');
  for (const { fileName } of ts.preProcessFile(source).importedFiles) {
    // What is imported on demand is not behind the door.
    if (!fileName.startsWith('.') || source.includes(`import('${fileName}')`)) continue;
    const target = join(path, '..', path.endsWith('.d.ts') ? fileName.replace(/\.js$/, '.d.ts') : fileName);
    for (const name of reached(target, seen)) packages.add(name);
  }
  return packages;
}

/** Programs of npm take a while on a busy machine; in ms. */
const PROGRAM_TIME = 120_000;

describe('the package', () => {
  let folder: string;
  let tarball: Tarball;

  beforeAll(async () => {
    folder = await temporaryFolder();
    tarball = await pack(folder);
  }, PROGRAM_TIME);

  afterAll(() => removeFolder(folder));

  const published = (ending: string) => tarball.files.filter((path) => path.endsWith(ending));

  it('holds what was compiled from lib, and four files beside it', () => {
    const sources = ts.sys
      .readDirectory(join(ROOT, 'lib'), ['.ts'])
      .map((path) => path.slice(join(ROOT, 'lib/').length));
    const compiled = sources.flatMap((path) => ['.js', '.d.ts'].map((end) => `dist/${path.replace(/\.ts$/, end)}`));
    expect(tarball.files).toEqual([...compiled, 'CHANGELOG.md', 'LICENSE', 'README.md', 'package.json'].sort());
  });

  it('names in its exports files that are there', () => {
    const paths = Object.values(manifest.exports).flatMap((entry) =>
      typeof entry === 'string' ? [entry] : [entry.types, entry.default],
    );
    for (const path of paths) expect(tarball.files).toContain(path.replace('./', ''));
  });

  it('leaves the command executable in the checkout, where no npm installs it', async () => {
    const { code, stdout } = await runProgram('dist/cli/main.js', ['--help'], ROOT);
    expect([code, stdout]).toEqual([0, expect.stringContaining('Usage: nestjs-storage')]);
  });

  it('imports only what it declares, and declares only what it imports', () => {
    const imported = new Set(published('.js').flatMap(packagesOf));
    const dependencies = Object.keys(manifest.dependencies);
    const declared = new Set([...dependencies, ...Object.keys(manifest.peerDependencies)]);
    expect([...imported].filter((name) => !declared.has(name))).toEqual([]);
    const typed = new Set(published('.d.ts').flatMap(packagesOf));
    expect(dependencies.filter((name) => !imported.has(name) && !typed.has(name))).toEqual([]);
  });

  it('has no optional peer and no vendor SDK behind the root, in code or in types', () => {
    for (const entry of ['dist/index.js', 'dist/index.d.ts']) {
      const packages = [...reached(entry)];
      expect([entry, packages.filter((name) => optional(name))]).toEqual([entry, []]);
      expect([entry, packages.filter((name) => /aws-sdk|smithy|google-cloud|cloudinary|terminus/.test(name))]).toEqual([
        entry,
        [],
      ]);
    }
    // The control: the walk does reach packages, and finds the peer behind another door.
    expect(reached('dist/index.js')).toContain('@nestjs/common');
    expect(reached('dist/health/index.js')).toContain('@nestjs/terminus');
  });

  it(
    'is clean for publint',
    async () => {
      const { code, stdout } = await runProgram('npx', ['publint', 'run', tarball.path, '--strict'], ROOT);
      expect([code, stdout]).toEqual([0, expect.stringContaining('All good!')]);
    },
    PROGRAM_TIME,
  );

  it(
    'is clean for attw',
    async () => {
      const { code, stdout } = await runProgram('npx', ['attw', tarball.path, '--profile', 'esm-only'], ROOT);
      expect([code, stdout]).toEqual([0, expect.stringContaining('"nestjs-storage/uploads"')]);
      expect(stdout).not.toContain('❌');
    },
    PROGRAM_TIME,
  );
});
