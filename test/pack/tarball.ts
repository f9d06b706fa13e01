/** The package as npm would publish it, and folders that install it. */
import { execFile, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

export const ROOT = resolve(import.meta.dirname, '../..');

const run = promisify(execFile);

export interface Tarball {
  /** Absolute path of the file. */
  readonly path: string;
  /** Paths in the package, sorted. */
  readonly files: readonly string[];
}

/** A folder outside of the checkout, so that nothing of its node_modules is found by accident. */
export function temporaryFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'nestjs-storage-pack-'));
}

export function removeFolder(path: string): Promise<void> {
  return rm(path, { recursive: true, force: true });
}

/** Packs what `npm run build` left in dist. */
export async function pack(folder: string): Promise<Tarball> {
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder], { cwd: ROOT });
  const [{ filename, files }] = JSON.parse(stdout) as [{ filename: string; files: { path: string }[] }];
  return { path: join(folder, filename), files: files.map((file) => file.path).sort() };
}

/** Makes an app with these dependencies and the package, and nothing else. @returns its folder */
export async function install(
  parent: string,
  name: string,
  manifest: { readonly type: 'module' | 'commonjs'; readonly dependencies: Readonly<Record<string, string>> },
  { path }: Tarball,
): Promise<string> {
  const folder = join(parent, name);
  await mkdir(folder);
  const dependencies = { ...manifest.dependencies, 'nestjs-storage': `file:${path}` };
  await writeFile(join(folder, 'package.json'), JSON.stringify({ name, private: true, ...manifest, dependencies }));
  await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts'], { cwd: folder });
  return folder;
}

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, whatever comes of it. */
export async function runProgram(
  command: string,
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Ran> {
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const code = await new Promise<number | null>((done, fail) => child.once('close', done).once('error', fail));
  return { code, stdout, stderr };
}

/** Another Node, through npm; the running one where it is of that version. @returns path of its program */
export async function nodeOf(major: number): Promise<string> {
  if (process.versions.node.startsWith(`${major}.`)) return process.execPath;
  const { stdout } = await run('npx', ['-y', '-p', `node@${major}`, 'node', '-p', 'process.execPath']);
  return stdout.trim();
}
