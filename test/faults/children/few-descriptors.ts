/** Child process with few descriptors: opens until there are none left, then lets go and goes on. Argument: root. */
import { text } from 'node:stream/consumers';
import { LocalBackend } from '../../../lib/backends/local/index.js';
import { parseKey, StorageError, type OpenedObject } from '../../../lib/contract/index.js';

const backend = new LocalBackend({ root: process.argv[2]!, durability: 'rename' });
const key = parseKey('object');
const codes = new Set<string>();

async function* once(value: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(value);
}

async function put(value: string): Promise<void> {
  await (await backend.stage(key, once(value), { contentType: 'text/plain', metadata: { value } })).commit();
}

function note(error: unknown): void {
  codes.add(error instanceof StorageError ? error.code : String(error));
}

await put('old');
const held: OpenedObject[] = [];
try {
  for (;;) held.push(await backend.open(key));
} catch (error) {
  note(error);
}
// With none, one and two left, so that each step of a write is the one that fails.
for (let free = 0; free < 8; free++) {
  await put(`new ${free}`).catch(note);
  await backend.list({ prefix: '', limit: 1 }).catch(note);
  await backend.move(key, parseKey('moved')).then(() => backend.move(parseKey('moved'), key), note);
  const closed = new Promise((resolve) => held.at(-1)!.body.once('close', resolve));
  held.pop()!.body.destroy();
  await closed;
}
for (const { body } of held) body.destroy();
await new Promise((resolve) => setTimeout(resolve, 50));
const { info, body } = await backend.open(key);
const bytes = await text(body);
await put('last');
await backend.close();
process.stdout.write(
  JSON.stringify({ codes: [...codes], whole: info.metadata.value === bytes, opened: held.length > 10 }),
);
