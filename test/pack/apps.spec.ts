/** Apps that install the package from its tarball: Nest 12 as ES modules, Nest 11 as CommonJS, both platforms, every Node. */
import { mkdir, readFile, realpath, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import ts from 'typescript';
import { install, nodeOf, pack, removeFolder, runProgram, temporaryFolder, type Tarball } from './tarball.js';

interface App {
  readonly title: string;
  readonly name: string;
  readonly nest: string;
  readonly type: 'module' | 'commonjs';
  readonly platform: 'express' | 'fastify';
  /** Its root, beside exercise.ts. */
  readonly main: string;
  /** The optional peers it uses, and nothing else. */
  readonly peers: Readonly<Record<string, string>>;
}

const APPS: readonly App[] = [
  {
    title: 'Nest 12 as ES modules',
    name: 'nest12-esm',
    nest: '^12.0.0',
    type: 'module',
    platform: 'express',
    main: 'main.ts',
    peers: { '@nestjs/platform-express': '^12.0.0', '@nestjs/terminus': '^12.0.0' },
  },
  {
    title: 'Nest 11 as CommonJS',
    name: 'nest11-cjs',
    nest: '^11.0.0',
    type: 'commonjs',
    platform: 'express',
    main: 'main.ts',
    peers: { '@nestjs/platform-express': '^11.0.0', '@nestjs/terminus': '^11.0.0' },
  },
  {
    title: 'Nest 11 on Fastify with @nestjs/config 4',
    name: 'nest11-fastify',
    nest: '^11.0.0',
    type: 'commonjs',
    platform: 'fastify',
    main: 'configured.ts',
    peers: { '@nestjs/platform-fastify': '^11.0.0', '@nestjs/config': '^4.0.0', '@nestjs/terminus': '^11.0.0' },
  },
];
const NODES = [20, 22, 24];
const INSTALL_TIME = 180_000;

/** Without any optional peer: what everybody has. */
const core = (nest: string) => ({
  '@nestjs/common': nest,
  '@nestjs/core': nest,
  'reflect-metadata': '^0.2.0',
  rxjs: '^7.8.0',
});

/** What a strict app's compiler says about a module: nothing is skipped, declarations of packages neither. */
async function problems(folder: string, file: string, source: string, options: ts.CompilerOptions = {}) {
  const path = join(folder, file);
  await writeFile(path, source);
  const all: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    strict: true,
    skipLibCheck: false,
    noEmit: true,
    experimentalDecorators: true,
    emitDecoratorMetadata: true,
    types: ['node'],
    typeRoots: [join(folder, 'node_modules/@types')],
    ...options,
  };
  const host = ts.createCompilerHost(all);
  host.getCurrentDirectory = () => folder;
  const program = ts.createProgram([path], all, host);
  return ts
    .getPreEmitDiagnostics(program)
    .map(
      ({ file: where, messageText }) =>
        `${where?.fileName.slice(folder.length) ?? ''}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`,
    );
}

/** As the app's build does it, without a look at types. */
async function compile(folder: string, file: string, source: string, type: App['type']): Promise<void> {
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: {
      module: type === 'module' ? ts.ModuleKind.ESNext : ts.ModuleKind.CommonJS,
      target: ts.ScriptTarget.ES2023,
      experimentalDecorators: true,
      emitDecoratorMetadata: true,
      esModuleInterop: true,
    },
  });
  await writeFile(join(folder, file.replace(/ts$/, 'js')), outputText);
}

async function versionOf(folder: string, name: string): Promise<string> {
  const manifest = JSON.parse(await readFile(join(folder, 'node_modules', name, 'package.json'), 'utf8')) as {
    version: string;
  };
  return manifest.version;
}

let parent: string;
let tarball: Tarball;
const sourceOf = (file: string) => readFile(join(import.meta.dirname, 'app', file), 'utf8');

beforeAll(async () => {
  parent = await temporaryFolder();
  tarball = await pack(parent);
}, INSTALL_TIME);

afterAll(() => removeFolder(parent));

describe.each(APPS)('an app of $title', ({ name, nest, type, platform, main, peers }) => {
  let folder: string;

  beforeAll(async () => {
    const dependencies = { ...core(nest), ...peers, '@types/node': '^20.19.0' };
    folder = await install(parent, name, { type, dependencies }, tarball);
    for (const file of ['exercise.ts', main]) {
      await compile(folder, file, await sourceOf(file), type);
    }
    await writeFile(join(folder, 'settings.env'), 'STORAGE_URL_SECRET=a-secret-of-at-least-32-bytes-000\n');
  }, INSTALL_TIME);

  it('has the Nest it asked for, once', async () => {
    expect(`^${(await versionOf(folder, '@nestjs/common')).split('.')[0]}.0.0`).toBe(nest);
    const { stdout } = await runProgram('npm', ['ls', '@nestjs/common', '--parseable', '--all'], folder);
    expect(stdout.trim().split('\n')).toHaveLength(1);
  });

  it.each(NODES)(
    'uploads, reads by signed URL and is healthy on Node %i',
    async (major) => {
      const files = join(folder, `files-${major}`);
      await mkdir(files);
      const env = { ...process.env, STORAGE_BACKEND: 'local', STORAGE_BASE_PATH: files };
      const program = [main.replace(/ts$/, 'js'), files];
      const { code, stdout, stderr } = await runProgram(await nodeOf(major), program, folder, env);
      expect({ code, stderr: withoutNodesWarning(stderr) }).toEqual({ code: 0, stderr: '' });
      const result = JSON.parse(stdout) as Record<string, unknown>;
      expect(result).toEqual({
        node: expect.stringMatching(new RegExp(`^${major}\\.`)),
        platform,
        status: 201,
        key: expect.stringMatching(/^documents\/report.*\.pdf$/),
        early: false,
        type: 'application/pdf',
        text: '%PDF-1.7 a small document',
        health: 200,
        keys: [result.key],
      });
    },
    INSTALL_TIME,
  );

  it.each(NODES)(
    'has the command nestjs-storage on Node %i',
    async (major) => {
      const node = await nodeOf(major);
      const files = join(folder, `commands-${major}`);
      const env = { ...process.env, STORAGE_BACKEND: 'local', STORAGE_BASE_PATH: files, NO_COLOR: '1' };
      // As npx starts it, under the Node that is asked for.
      const bin = join(folder, 'node_modules/.bin/nestjs-storage');
      const command = async (...args: string[]) => runProgram(node, [await realpath(bin), ...args], folder, env);
      const help = await command('--help');
      expect([help.code, help.stdout, help.stderr]).toEqual([0, expect.stringContaining('Usage: nestjs-storage'), '']);
      await writeFile(join(folder, 'note.txt'), 'from the tarball');
      expect(await command('put', 'note.txt', 'notes/')).toMatchObject({ code: 0, stderr: '' });
      expect(await command('ls', '-r')).toEqual({ code: 0, stdout: 'notes/note.txt\n', stderr: '' });
      expect(await command('get', 'notes/note.txt')).toEqual({ code: 0, stdout: 'from the tarball', stderr: '' });
      expect(await command('rm', 'notes/note.txt', '--yes', '--json')).toMatchObject({ code: 0 });
      const doctor = await command('doctor', '--json');
      expect([doctor.code, JSON.parse(doctor.stdout)]).toMatchObject([0, { backend: 'local', ok: true }]);
    },
    INSTALL_TIME,
  );

  it(
    'is run by npx, which finds the program executable',
    async () => {
      const env = { ...process.env, STORAGE_BACKEND: 'local', STORAGE_BASE_PATH: join(folder, 'npx'), NO_COLOR: '1' };
      const ran = await runProgram('npx', ['--no', 'nestjs-storage', 'ls'], folder, env);
      expect([ran.code, ran.stdout]).toEqual([0, '']);
      expect(ran.stderr).toContain('There is nothing.');
      expect((await stat(join(folder, 'node_modules/.bin/nestjs-storage'))).mode & 0o111).toBe(0o111);
    },
    INSTALL_TIME,
  );

  it(
    'compiles against the published types',
    async () => {
      await writeFile(join(folder, 'exercise.ts'), await sourceOf('exercise.ts'));
      // CommonJS that imports ES modules: TypeScript allows it as Node does. Nest's own declarations need more packages.
      expect(await problems(folder, main, await sourceOf(main), { skipLibCheck: true })).toEqual([]);
    },
    INSTALL_TIME,
  );
});

describe('a strict app with nothing but the core of Nest', () => {
  let folder: string;

  beforeAll(async () => {
    const dependencies = { ...core('^12.0.0'), '@types/node': '^20.19.0' };
    folder = await install(parent, 'core-only', { type: 'module', dependencies }, tarball);
  }, INSTALL_TIME);

  const strictApp = `
    import * as root from 'nestjs-storage';
    import * as testing from 'nestjs-storage/testing';
    import * as uploads from 'nestjs-storage/uploads';
    import * as s3 from 'nestjs-storage/s3';
    import * as gcs from 'nestjs-storage/gcs';
    import * as cloudinary from 'nestjs-storage/cloudinary';
    import * as copy from 'nestjs-storage/copy';
    import * as doctor from 'nestjs-storage/doctor';
    export const all: [typeof root, typeof testing, typeof uploads, typeof s3, typeof gcs, typeof cloudinary] =
      [root, testing, uploads, s3, gcs, cloudinary];
    export const copied: Promise<copy.CopySummary> = copy.copyStorage({ from: null!, to: null! });
    export const diagnosis: Promise<doctor.Diagnosis> = doctor.diagnoseStorage({ backend: 'memory' });
    export const options: root.StorageModuleOptions = { backend: 'local' };
  `;

  it(
    'compiles every declaration that the entries reach: no SDK and no optional peer is named there',
    async () => {
      const wrong = "import { StorageService } from 'nestjs-storage'; export const n: number = new StorageService();";
      expect((await problems(folder, 'control.ts', wrong)).length).toBeGreaterThan(0);
      expect(await problems(folder, 'strict.ts', strictApp)).toEqual([]);
    },
    INSTALL_TIME,
  );

  it('loads the root without any optional peer', async () => {
    await writeFile(
      join(folder, 'load.js'),
      `import { createStorage } from 'nestjs-storage';
       const storage = await createStorage({ backend: 'memory', env: {} });
       await storage.put('a', 'hello');
       process.stdout.write(String(await storage.get('a')));`,
    );
    expect(await runProgram(process.execPath, ['load.js'], folder)).toEqual({ code: 0, stdout: 'hello', stderr: '' });
  });

  it.each([
    ['config', '@nestjs/config'],
    ['health', '@nestjs/terminus'],
  ])('is told by /%s that %s is missing', async (entry, peer) => {
    const script = `await import('nestjs-storage/${entry}');`;
    const { code, stderr } = await runProgram(process.execPath, ['--input-type=module', '-e', script], folder);
    expect([code, stderr]).toEqual([1, expect.stringContaining(`Cannot find package '${peer}'`)]);
  });
});

const STRICT_APPS = [
  { title: 'Nest 12', name: 'strict-nest12', nest: '^12.0.0', config: '^12.0.0', type: 'module' },
  { title: 'Nest 11', name: 'strict-nest11', nest: '^11.0.0', config: '^4.0.0', type: 'commonjs' },
] as const;

describe.each(STRICT_APPS)('a strict app of $title with the peers of /config and /health', (app) => {
  const { name, nest, config, type } = app;
  let folder: string;

  beforeAll(async () => {
    const peers = { '@nestjs/config': config, '@nestjs/terminus': nest };
    const dependencies = { ...core(nest), ...peers, '@types/node': '^20.19.0' };
    folder = await install(parent, name, { type, dependencies }, tarball);
  }, INSTALL_TIME);

  const strictApp = `
    import 'reflect-metadata';
    import { Module } from '@nestjs/common';
    import { ConfigModule } from '@nestjs/config';
    import { NestFactory } from '@nestjs/core';
    import { StorageModule, StorageService } from 'nestjs-storage';
    import * as config from 'nestjs-storage/config';
    import * as health from 'nestjs-storage/health';
    export const all: [typeof config, typeof health] = [config, health];
    @Module({
      imports: [
        ConfigModule.forRoot({ ignoreEnvFile: true }),
        StorageModule.forRootAsync(config.storageConfig.asProvider()),
        health.StorageHealthModule.forRoot(),
      ],
    })
    class AppModule {}
    async function main() {
      const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error'] });
      await app.get(StorageService).checkHealth();
      process.stdout.write(app.get(StorageService).backendName);
      await app.close();
    }
    void main();
  `;

  it(
    'compiles every declaration that they reach, and runs',
    async () => {
      const wrong = "import { storageConfig } from 'nestjs-storage/config'; export const n: number = storageConfig;";
      expect((await problems(folder, 'control.ts', wrong)).length).toBeGreaterThan(0);
      expect(await problems(folder, 'strict.ts', strictApp)).toEqual([]);
      await compile(folder, 'strict.ts', strictApp, type);
      const env = {
        ...process.env,
        STORAGE_BACKEND: 'memory',
        STORAGE_URL_SECRET: 'a-secret-of-at-least-32-bytes-000',
      };
      const { code, stdout, stderr } = await runProgram(process.execPath, ['strict.js'], folder, env);
      expect({ code, stdout, stderr: withoutNodesWarning(stderr) }).toEqual({ code: 0, stdout: 'memory', stderr: '' });
    },
    INSTALL_TIME,
  );
});

/** Node 20 and 22 tell once that require() of ES modules is young. */
function withoutNodesWarning(stderr: string): string {
  return stderr
    .split('\n')
    .filter(
      (line) => !/ExperimentalWarning: .*(?:require\(\)|Support for loading ES Module)|--trace-warnings/.test(line),
    )
    .join('\n')
    .trim();
}
