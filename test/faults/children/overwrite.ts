/** Child process that overwrites one object while its system calls are made to fail. Arguments: root, bytes. */
import { LocalBackend } from '../../../lib/backends/local/index.js';
import { parseKey, StorageError } from '../../../lib/contract/index.js';

const [root, bytes] = process.argv.slice(2);
const backend = new LocalBackend({ root: root! });

async function* body(): AsyncGenerator<Uint8Array> {
  yield Buffer.alloc(Number(bytes), 'n');
}

try {
  const facts = { contentType: 'text/plain', metadata: { about: 'new' } };
  const staged = await backend.stage(parseKey('folder/object'), body(), facts);
  await staged.commit();
  console.log('stored');
} catch (error) {
  console.log(error instanceof StorageError ? `${error.code} ${(error.cause as NodeJS.ErrnoException).errno}` : error);
}
await backend.close();
