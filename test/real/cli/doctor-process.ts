/** Diagnoses in processes of their own, under tools that change what the process sees of its machine. */
import { execFile, execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { DiagnoseOptions, Diagnosis } from '../../../lib/doctor/index.js';
import { builtLibrary } from '../../support/build-library.mjs';

const run = promisify(execFile);
const CHILD = join(import.meta.dirname, 'doctor-child.mjs');

/** Tools beside Node, and where Debian has them. */
const TOOLS: Readonly<Record<string, string>> = {
  faketime: 'faketime',
  unshare: 'util-linux',
  mount: 'mount',
  ip: 'iproute2',
  openssl: 'openssl',
};

/** @throws Error that holds the install command */
export function assertTools(): void {
  if (process.getuid?.() !== 0) {
    throw new Error('These tests mount file systems and change users: run them as root (in a container, for example).');
  }
  for (const [tool, debian] of Object.entries(TOOLS)) {
    try {
      execFileSync('sh', ['-c', 'command -v "$0"', tool]);
    } catch {
      throw new Error(`${tool} is not installed: apt-get install --no-install-recommends ${debian}`);
    }
  }
}

export interface Surroundings {
  /** A command that runs the rest of its arguments: `['faketime', '-f', '+1h']`. */
  readonly under?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** User to become, by id. */
  readonly user?: number;
  /** The compiled library. Default: the one that was made before the tests. */
  readonly library?: URL;
}

/** The clock off by so much, in the notation of faketime: `+1h`. */
export function clockOff(offset: string): Surroundings {
  // Timers go by the monotonic clock, which runs on.
  return { under: ['faketime', '-f', offset], env: { FAKETIME_DONT_FAKE_MONOTONIC: '1' } };
}

/** A network of its own in which an address has no route. */
export function withoutRoute(address: string): Surroundings {
  const script = `ip link set lo up && ip route add unreachable ${address} && exec "$@"`;
  return { under: ['unshare', '--net', 'sh', '-c', script, 'sh'] };
}

export async function diagnoseIn(surroundings: Surroundings, options: DiagnoseOptions): Promise<Diagnosis> {
  const { under = [], env, user, library = builtLibrary } = surroundings;
  const node = [process.execPath, CHILD, JSON.stringify(options), ...(user === undefined ? [] : [String(user)])];
  const [command, ...args] = [...under, ...node] as [string, ...string[]];
  const { stdout } = await run(command, args, {
    timeout: 60_000,
    env: {
      PATH: process.env.PATH,
      LIBRARY: library.href,
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
      AWS_EC2_METADATA_DISABLED: 'true',
      ...env,
    },
  });
  return JSON.parse(stdout) as Diagnosis;
}
