/** What an upload holds while its parts go out: a part and no more, whatever its chunks are slices of. */
import { describe, expect, it } from '@jest/globals';
import type { CloudinaryClient, UploadPart } from '../../../lib/backends/cloudinary/cloudinary-client.js';
import { PartBuffer } from '../../../lib/backends/cloudinary/part-buffer.js';
import { UploadSession } from '../../../lib/backends/cloudinary/upload-session.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const TARGET = { name: { resourceType: 'raw', publicId: 'files/a' }, context: {} } as const;

/** A client that keeps what it is given to send, and the memory behind it. */
function recordingClient() {
  const sent: { bytes: Buffer; held: number }[] = [];
  const client = {
    newAgent: () => ({ destroy: () => undefined }),
    upload: ({ chunks, name }: UploadPart) => {
      const held = new Set(chunks.map(({ buffer }) => buffer));
      sent.push({
        bytes: Buffer.concat(chunks),
        held: [...held].reduce((sum, { byteLength }) => sum + byteLength, 0),
      });
      const bytes = sent.reduce((sum, part) => sum + part.bytes.length, 0);
      return Promise.resolve({ public_id: name.publicId, resource_type: name.resourceType, bytes });
    },
  } as unknown as CloudinaryClient;
  return { client, sent };
}

describe('an upload', () => {
  it.each([
    ['tiny slices of large buffers', 1 * KIB, 64 * KIB],
    ['slices of a little more than the size of a block', 65 * KIB, 1 * MIB],
    ['chunks larger than a part', 13 * MIB, 13 * MIB],
  ])('of %s holds no more than a part', async (_what, bytes, slab) => {
    const { client, sent } = recordingClient();
    const session = new UploadSession(client, TARGET, 5 * MIB, { operation: 'put' });
    const total = 13 * MIB;
    let wanted = 0;
    await session.take(
      (async function* () {
        for (let at = 0; at < total; at += bytes) {
          const size = Math.min(bytes, total - at);
          yield Buffer.allocUnsafeSlow(slab)
            .fill(wanted++ % 251)
            .subarray(0, size);
        }
      })(),
    );
    await session.finish();
    session.close();
    expect(sent.map((part) => part.bytes.length)).toEqual([5 * MIB, 5 * MIB, 3 * MIB]);
    for (const { held } of sent) expect(held).toBeLessThanOrEqual(5 * MIB);
    const all = Buffer.concat(sent.map((part) => part.bytes));
    let wrong = 0;
    for (let at = 0; at < total; at += 511) if (all[at] !== Math.floor(at / bytes) % 251) wrong++;
    expect(wrong).toBe(0);
  });

  it('of a few bytes holds a block', async () => {
    const { client, sent } = recordingClient();
    const session = new UploadSession(client, TARGET, 5 * MIB, { operation: 'put' });
    await session.take(
      (async function* () {
        yield Buffer.alloc(MIB).subarray(0, 10);
      })(),
    );
    await session.finish();
    expect(sent).toEqual([{ bytes: Buffer.alloc(10), held: 64 * KIB }]);
  });
});

describe('a part', () => {
  it.each([1, 100, 64 * KIB, 64 * KIB + 1, 200 * KIB])(
    'of %i bytes takes them in, in any steps, and again',
    (limit) => {
      const part = new PartBuffer(limit);
      for (const step of [1 + Math.floor(limit / 7), limit, limit + 5]) {
        const bytes = Buffer.from(Array.from({ length: limit + 3 }, (_, index) => (index * 7 + step) % 256));
        let rest: Uint8Array = Buffer.alloc(0);
        for (let at = 0; at < bytes.length && rest.byteLength === 0; at += step) {
          rest = part.fill(bytes.subarray(at, at + step));
        }
        expect(part.full).toBe(true);
        expect(Buffer.concat(part.chunks()).equals(bytes.subarray(0, limit))).toBe(true);
        expect(part.fill(Buffer.alloc(4))).toHaveLength(4);
        part.empty();
        expect(part.chunks()).toEqual([]);
      }
    },
  );
});
