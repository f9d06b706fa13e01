/** Whether an open file holds the bytes that it should, read back through the descriptor that wrote them. */
import { SHORT_BYTES } from '../../disk/short-calls.js';
import { read } from './fs-calls.js';

/** Buffers that are used again: one for each file would only be work for the garbage collector. */
const spare: Buffer[] = [];
const MOST_SPARE = 16;

/** From the start, as many as there are. */
export async function fileHolds(fd: number, bytes: Uint8Array): Promise<boolean> {
  const buffer = spare.pop() ?? Buffer.allocUnsafeSlow(SHORT_BYTES);
  try {
    for (let position = 0; position < bytes.byteLength;) {
      const length = await read(fd, buffer, Math.min(buffer.length, bytes.byteLength - position), position);
      if (length === 0 || buffer.compare(bytes, position, position + length, 0, length) !== 0) return false;
      position += length;
    }
    return true;
  } finally {
    if (spare.length < MOST_SPARE) spare.push(buffer);
  }
}
