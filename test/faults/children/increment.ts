/** Child process: raises a number in a file so many times, each time with ifMatch. Arguments: root, key, times. */
import { text } from 'node:stream/consumers';
import { LocalBackend } from '../../../lib/backends/local/index.js';
import { parseKey, PreconditionFailedError } from '../../../lib/contract/index.js';

const [root, name, times] = process.argv.slice(2);
const backend = new LocalBackend({ root: root!, durability: 'rename' });
const key = parseKey(name!);

async function* once(value: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(value);
}

async function raise(): Promise<boolean> {
  const { info, body } = await backend.open(key);
  const value = String(Number(await text(body)) + 1);
  try {
    const options = { contentType: 'text/plain', metadata: { value }, ifMatch: info.etag };
    await (await backend.stage(key, once(value), options)).commit();
    return true;
  } catch (error) {
    if (error instanceof PreconditionFailedError) return false;
    throw error;
  }
}

for (let done = 0; done < Number(times);) {
  if (await raise()) done++;
}
await backend.close();
