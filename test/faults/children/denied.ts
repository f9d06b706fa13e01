/** Child process of a user without rights: tries everything on a store that it may not use. Argument: root. */
import { text } from 'node:stream/consumers';
import { LocalBackend } from '../../../lib/backends/local/index.js';
import { parseKey, StorageError } from '../../../lib/contract/index.js';

const backend = new LocalBackend({ root: process.argv[2]! });

async function* once(value: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(value);
}

async function put(key: string): Promise<string> {
  const staged = await backend.stage(parseKey(key), once('new'), { contentType: 'text/plain', metadata: {} });
  return (await staged.commit()).key;
}

const attempts: Record<string, () => Promise<unknown>> = {
  putNew: () => put('closed/new'),
  putOver: () => put('closed/object'),
  createOnly: () => put('closed/deeper/new'),
  copyInto: () => backend.copy(parseKey('readable'), parseKey('closed/copy')),
  moveOut: () => backend.move(parseKey('closed/object'), parseKey('moved')),
  delete: () => backend.delete(parseKey('closed/object')),
  readClosed: () => backend.open(parseKey('secret')),
  statInside: () => backend.stat(parseKey('hidden/object')),
  listInside: () => backend.list({ prefix: 'hidden/', limit: 10 }),
  read: async () => text((await backend.open(parseKey('readable'))).body),
  // Links to files of others are forbidden where fs.protected_hardlinks is set: the move copies and deletes instead.
  moveForeign: () => backend.move(parseKey('open/foreign'), parseKey('open/moved')).then(({ size }) => size),
};

const results: Record<string, unknown> = {};
for (const [name, attempt] of Object.entries(attempts)) {
  try {
    results[name] = await attempt();
  } catch (error) {
    results[name] = error instanceof StorageError ? error.code : String(error);
  }
}
await backend.close();
process.stdout.write(JSON.stringify(results));
