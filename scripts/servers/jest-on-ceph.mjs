/** Runs jest suites against Ceph's object gateway: starts it, runs jest, which ends with a line that counts what ran. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { startCeph } from './ceph.mjs';

/** @param {string} config path of the jest configuration; the arguments of the process go to jest too */
export async function jestOnCeph(config) {
  const { settings, stop } = startCeph();
  try {
    const jest = spawn(
      process.execPath,
      [
        '--experimental-vm-modules',
        '--disable-warning=ExperimentalWarning',
        'node_modules/jest/bin/jest.js',
        `--config=${config}`,
        ...process.argv.slice(2),
      ],
      {
        cwd: fileURLToPath(new URL('../..', import.meta.url)),
        stdio: ['ignore', 'inherit', 'inherit'],
        env: { ...process.env, ...settings },
      },
    );
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => jest.kill(signal));
    const [code] = await once(jest, 'exit');
    process.exitCode = code ?? 1;
  } finally {
    stop();
  }
}
