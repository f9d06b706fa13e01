/** Starts the built sample in a process of its own, as `npm start` does. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

const MAIN = resolve(import.meta.dirname, '../../sample/dist/main.js');
const START_SECONDS = 30;

export interface RunningSample {
  readonly url: string;
  readonly pid: number;
  /** Folder of the files. */
  readonly folder: string;
  stop(): Promise<void>;
}

async function addressOf(child: ChildProcess): Promise<string> {
  const told: string[] = [];
  const timer = setTimeout(() => child.kill(), START_SECONDS * 1000);
  try {
    for await (const line of createInterface({ input: child.stdout! })) {
      told.push(line);
      const address = /Open (http:\/\/\S+)/.exec(line)?.[1];
      if (address) return address;
    }
  } finally {
    clearTimeout(timer);
  }
  throw new Error(`the sample did not start:\n${told.join('\n')}`);
}

/** @param environment variables beside those of this process */
export async function startSample(environment: NodeJS.ProcessEnv = {}): Promise<RunningSample> {
  if (!existsSync(MAIN)) throw new Error('the sample is not built: run npm run build');
  const folder = await mkdtemp(join(tmpdir(), 'nestjs-storage-sample-'));
  const child = spawn(process.execPath, [MAIN], {
    env: {
      ...process.env,
      NO_COLOR: '1',
      PORT: '0',
      STORAGE_BACKEND: 'local',
      STORAGE_BASE_PATH: folder,
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill();
      await once(child, 'exit');
    }
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const url = await addressOf(child);
    child.stdout.resume();
    return { url, pid: child.pid!, folder, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
