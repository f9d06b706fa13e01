/** Completion in the shells themselves, at a terminal: what a line has become when it is entered, and what Tab never does. */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { MAIN, Place } from '../../cli/cli-process.js';

const PROMPT = 'ready>';
const [TAB, ENTER, CTRL_U] = ['\t', '\r', '\u0015'];

interface Shell {
  readonly name: 'bash' | 'zsh' | 'fish';
  readonly start: string;
  /** Set-up as docs/cli.md has it: files of the home folder. `script` is what `completion` prints. */
  readonly files: (script: string) => Readonly<Record<string, string>>;
}

const SHELLS: readonly Shell[] = [
  {
    name: 'bash',
    start: 'bash --noprofile --rcfile "$HOME/.bashrc" -i',
    files: () => ({ '.bashrc': `PS1='${PROMPT} '\nsource <(nestjs-storage completion bash)\n` }),
  },
  {
    name: 'zsh',
    start: 'zsh -d -i',
    files: (script) => ({
      '.zshrc': `PS1='${PROMPT} '\nfpath=("$HOME/zsh" $fpath)\nautoload -Uz compinit\ncompinit -u -D\n`,
      'zsh/_nestjs-storage': script,
    }),
  },
  {
    name: 'fish',
    start: 'fish -i',
    files: (script) => ({
      '.config/fish/config.fish': `function fish_prompt; echo -n '${PROMPT} '; end\nset -g fish_greeting\n`,
      '.config/fish/completions/nestjs-storage.fish': script,
      // Where this is, fish does not read all manuals of the machine in the background.
      '.local/share/fish/generated_completions/made': '',
    }),
  },
];

let place: Place;

beforeAll(async () => {
  place = await Place.make();
  await mkdir(join(place.files, 'docs/2026'), { recursive: true });
  for (const name of ['docs/2026/report.pdf', 'image.png', 'odd/plain', 'odd/$(touch pwned)', 'odd/a b']) {
    await mkdir(join(place.files, name, '..'), { recursive: true });
    await writeFile(join(place.files, name), '');
  }
  for (const name of ['upload.me', 'precious.txt']) await writeFile(join(place.folder, name), 'kept');
  // Completes as the command does; anything else that is entered is only noted.
  const command = `#!/bin/sh
case $1 in
  complete | completion) exec '${process.execPath}' '${MAIN}' "$@" ;;
esac
printf '%s\\037' "$@" >> "$ENTERED"
echo >> "$ENTERED"
`;
  await mkdir(join(place.folder, 'bin'));
  await writeFile(join(place.folder, 'bin/nestjs-storage'), command, { mode: 0o755 });
});
afterAll(() => place.remove());

/** A shell at a terminal of its own, to which somebody types. */
class Session {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #entered: string;
  #screen = '';

  private constructor(child: ChildProcessWithoutNullStreams, entered: string) {
    this.#child = child;
    this.#entered = entered;
    child.stdout.setEncoding('utf8').on('data', (text: string) => (this.#screen += text));
  }

  static async start({ name, start, files }: Shell): Promise<Session> {
    const { out } = await place.runProcess(['completion', name]);
    for (const [path, text] of Object.entries(files(out))) {
      await mkdir(join(place.folder, path, '..'), { recursive: true });
      await writeFile(join(place.folder, path), text);
    }
    const entered = join(place.folder, `${name}.entered`);
    await appendFile(entered, '');
    const child = spawn('script', ['--quiet', '--return', '--command', start, '/dev/null'], {
      cwd: place.folder,
      env: {
        ...place.env,
        STORAGE_ARCHIVE_BACKEND: 'local',
        STORAGE_ARCHIVE_BASE_PATH: join(place.folder, 'archive'),
        PATH: `${join(place.folder, 'bin')}:${process.env.PATH}`,
        ENTERED: entered,
        LANG: 'C.UTF-8',
        SHELL: '/bin/sh',
        TERM: 'xterm',
      },
    });
    const session = new Session(child, entered);
    await session.#until(async () => session.#screen.includes(PROMPT));
    return session;
  }

  /** Types a line and enters it. @returns the arguments that the command got */
  async enter(keys: string): Promise<string[]> {
    const before = (await this.#lines()).length;
    this.#child.stdin.write(keys + ENTER);
    await this.#until(async () => (await this.#lines()).length > before);
    return (await this.#lines())[before]!.split('\u001f').slice(0, -1);
  }

  /** Types, and takes all of it back. Keys are taken in their order: what is entered afterwards shows it is over. */
  async typeAndLeave(keys: string): Promise<void> {
    expect(await this.enter(`${keys}${CTRL_U}nestjs-storage left`)).toEqual(['left']);
  }

  async leave(): Promise<void> {
    const ended = once(this.#child, 'close');
    this.#child.stdin.write(`exit${ENTER}`);
    await ended;
  }

  async #lines(): Promise<string[]> {
    return (await readFile(this.#entered, 'utf8')).split('\n').slice(0, -1);
  }

  async #until(holds: () => Promise<boolean>): Promise<void> {
    for (let looks = 0; !(await holds()); looks++) {
      if (looks === 1000) throw new Error(`the shell does not go on; its screen: ${JSON.stringify(this.#screen)}`);
      await sleep(20);
    }
  }
}

describe.each(SHELLS)('completion in $name', (shell) => {
  let session: Session;
  beforeAll(async () => {
    session = await Session.start(shell);
  });
  afterAll(() => session.leave());

  it.each([
    ['a command', 'doc', ['doctor']],
    ['an option', 'copy --delete-e', ['copy', '--delete-extra']],
    ['a storage', 'ls --storage arch', ['ls', '--storage', 'archive']],
    ['a storage behind an equals sign', 'ls --storage=arch', ['ls', '--storage=archive']],
    ['a key', 'get im', ['get', 'image.png']],
    ['a key in folders that are the only ones', 'get do', ['get', 'docs/2026/report.pdf']],
    ['the only key that a shell cannot run', 'get odd/', ['get', 'odd/plain']],
    ['a file of this machine', 'put up', ['put', 'upload.me']],
    ['no key that would be deleted', 'rm im', ['rm', 'im']],
    ['behind a redirection', 'get image.png 2> /dev/null --stor', ['get', 'image.png', '--storage']],
  ])('completes %s', async (_what, typed, entered) => {
    expect(await session.enter(`nestjs-storage ${typed}${TAB}`)).toEqual(entered);
  });

  it('runs nothing and writes nothing when Tab is pressed', async () => {
    for (const typed of ['get image.png > precious.txt --st', 'get $(touch pwned) im', 'get `touch pwned` im']) {
      await session.typeAndLeave(`nestjs-storage ${typed}${TAB}`);
    }
    expect(await readFile(join(place.folder, 'precious.txt'), 'utf8')).toBe('kept');
    expect(await readdir(place.folder)).not.toContain('pwned');
  });
});
