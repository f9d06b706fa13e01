/** Runs the command line: compiled and in a process of its own as shells do, or in this process where that is enough. */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { runProgram } from '../../lib/cli/program.js';
import { Terminal } from '../../lib/cli/terminal.js';
import { builtLibrary } from '../support/build-library.mjs';

export const MAIN = fileURLToPath(new URL('cli/main.js', builtLibrary));

export interface Ran {
  /** Null where a signal ended it. */
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Given {
  readonly env?: Environment;
  /** Of standard input; at a terminal what is typed once something is asked. */
  readonly input?: string;
  readonly terminal?: boolean;
  /** At a terminal: done while the question stands there. */
  readonly asked?: () => Promise<void>;
  /** At a terminal: what of its standard streams is a pipe all the same. */
  readonly piped?: { readonly input?: Readable; readonly output?: Writable };
}

/** A stream that keeps what is written to it. */
class Collected extends Writable {
  text = '';
  readonly isTTY: boolean;
  readonly columns = 80;
  #asked: (() => void) | undefined;

  constructor(isTTY: boolean) {
    super({ decodeStrings: false });
    this.isTTY = isTTY;
  }

  /** Types when a question stands there. */
  answer(typed: string, keyboard: PassThrough, before: () => Promise<void> = async () => undefined): void {
    this.#asked = () => void before().then(() => keyboard.write(typed));
  }

  override _write(chunk: string | Buffer, _encoding: string, done: () => void): void {
    this.text += String(chunk);
    if (/\[y\/N\] |and delete: /.test(this.text)) {
      this.#asked?.();
      this.#asked = undefined;
    }
    done();
  }
}

/** A folder with a local storage below it, and the command line in it. */
export class Place {
  readonly folder: string;
  /** Folder of the storage's files. */
  readonly files: string;
  readonly env: Environment;

  private constructor(folder: string) {
    this.folder = folder;
    this.files = join(folder, 'files');
    this.env = {
      PATH: process.env.PATH,
      HOME: folder,
      NO_COLOR: '1',
      STORAGE_BACKEND: 'local',
      STORAGE_BASE_PATH: this.files,
      STORAGE_DURABILITY: 'rename',
    };
  }

  static async make(): Promise<Place> {
    return new Place(await realpath(await mkdtemp(join(tmpdir(), 'nestjs-storage-cli-'))));
  }

  remove(): Promise<void> {
    return rm(this.folder, { recursive: true, force: true });
  }

  /** Starts a process and leaves its streams to the caller. */
  start(args: readonly string[], env: Environment = {}): ChildProcessWithoutNullStreams {
    return spawn(process.execPath, [MAIN, ...args], { cwd: this.folder, env: { ...this.env, ...env } });
  }

  /** Runs it to its end in a process of its own. */
  async runProcess(args: readonly string[], { env = {}, input = '' }: Given = {}): Promise<Ran> {
    const child = this.start(args, env);
    child.stdin.on('error', () => undefined).end(input);
    return ended(child);
  }

  /** Runs it to its end in this process, with the same folder and environment: quicker, and otherwise equal. */
  async run(args: readonly string[], given: Given = {}): Promise<Ran> {
    const { env = {}, input = '', terminal = false, piped = {}, asked } = given;
    const [output, error] = [new Collected(terminal), new Collected(terminal)];
    const keyboard = Object.assign(new PassThrough(), { isTTY: true });
    if (terminal) error.answer(input, keyboard, asked);
    const stdin = piped.input ?? (terminal ? keyboard : Readable.from([Buffer.from(input)]));
    const before = { env: process.env, folder: process.cwd() };
    process.env = Object.fromEntries(
      Object.entries({ ...this.env, ...env }).filter(([, value]) => value !== undefined),
    );
    process.chdir(this.folder);
    try {
      const uninterrupted = { signal: new AbortController().signal, exitCode: undefined };
      const streams = { input: stdin, output: piped.output ?? output, error };
      const code = await runProgram(args, new Terminal(streams), uninterrupted);
      return { code, out: output.text, err: error.text };
    } finally {
      process.env = before.env;
      process.chdir(before.folder);
      stdin.destroy();
    }
  }
}

/** What a process wrote, and how it ended. */
export async function ended(child: ChildProcessWithoutNullStreams): Promise<Ran> {
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, out, err };
}

/** The documents of JSON lines. */
export function lines<T>(text: string): T[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T);
}
