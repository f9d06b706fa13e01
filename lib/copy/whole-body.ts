/** A small body in one piece. */
import type { Readable } from 'node:stream';
import { OperationAbortedError } from '../contract/index.js';

export function wholeBody(body: Readable): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    // Destroyed without a word: who did it says why.
    const letGo = () => new OperationAbortedError({ operation: 'get', reason: 'the body was let go' });
    // One that broke before anybody read it tells it no more.
    if (body.destroyed) return reject(body.errored ?? letGo());
    body.on('data', (chunk: Buffer) => chunks.push(chunk));
    body.once('end', () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)));
    body.once('error', reject);
    body.once('close', () => body.readableEnded || reject(letGo()));
  });
}
