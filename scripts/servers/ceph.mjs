/** Ceph's object gateway for the length of a run: started by ceph.sh in a folder of its own, stopped with it. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('ceph.sh', import.meta.url));

export const INSTALL_COMMAND = 'npm run servers:install';

export function cephIsInstalled() {
  return spawnSync(script, ['check']).status === 0;
}

/**
 * @param {{ storeBytes?: number, tls?: boolean }} [options] tls: also listens at S3_TEST_TLS_ENDPOINT, whose certificate is S3_TEST_TLS_CA
 * @returns {{ settings: Record<string, string>, stop(): void }} settings as environment variables
 */
export function startCeph({ storeBytes, tls = false } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'ceph-'));
  const data = join(folder, 'c');
  const stop = () => {
    spawnSync(script, ['stop', data]);
    rmSync(folder, { recursive: true, force: true });
  };
  const env = {
    ...process.env,
    ...(storeBytes !== undefined && { CEPH_STORE_BYTES: String(storeBytes) }),
    ...(tls && { CEPH_TLS_PORT: 'free' }),
  };
  const started = spawnSync(script, ['start', data], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], env });
  if (started.status !== 0) {
    stop();
    throw new Error('Ceph did not start');
  }
  const lines = started.stdout.trim().split('\n');
  const settings = Object.fromEntries(lines.map((line) => line.split(/=(.*)/s).slice(0, 2)));
  // The SDK would tell every process once that it will leave Node 20.
  return { settings: { ...settings, AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' }, stop };
}
