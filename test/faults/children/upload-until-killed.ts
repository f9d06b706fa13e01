/** Child process: overwrites keys and says so, until it is killed. Arguments: root, mode, keys... */
import { setTimeout as sleep } from 'node:timers/promises';
import { LocalBackend } from '../../../lib/backends/local/index.js';
import { parseKey } from '../../../lib/contract/index.js';

const [root, mode, ...keys] = process.argv.slice(2);
const backend = new LocalBackend({ root: root! });

/** More than one batch, then ever more: the upload is always in the middle. */
async function* endless(started: () => void): AsyncGenerator<Uint8Array> {
  for (let chunk = 0; ; chunk++) {
    yield Buffer.alloc(256 * 1024, 'new');
    if (chunk === 6) started();
    if (chunk > 6) await sleep(1);
  }
}

async function* once(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function stream(key: string): Promise<void> {
  const body = endless(() => process.stdout.write('started\n'));
  await backend.stage(parseKey(key), body, { contentType: 'text/plain', metadata: { version: 'new' } });
}

/** Whole puts, one after the other, each of a version that its bytes and its metadata tell. */
async function overwrite(key: string): Promise<void> {
  for (let version = 1; ; version++) {
    const staged = await backend.stage(parseKey(key), once(Buffer.from(`version ${version};`.repeat(version))), {
      contentType: 'text/plain',
      metadata: { version: String(version) },
    });
    await staged.commit();
    if (version === 1) process.stdout.write('started\n');
  }
}

await Promise.all(keys.map(mode === 'stream' ? stream : overwrite));
