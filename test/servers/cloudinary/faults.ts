/** What can go wrong with a request to the contract server, and how its answer is spoilt. */
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * `unheard`: the connection ends before anything is done; `unanswered`: all is done, and the connection ends; `silent`:
 * nothing is ever answered; `cut`: half of the bytes are sent, and the connection ends; `stalled`: half of them, and
 * nothing more; `mangled`: half of them, as if that were all; `split`: all of them in two pieces, the first of which ends
 * within a character; `slow`: all is done and answered `ms` later; `late`: the connection ends, and all is done `ms` later.
 */
export type FaultKind = 'unheard' | 'unanswered' | 'silent' | 'cut' | 'stalled' | 'mangled' | 'split' | 'slow' | 'late';

/** What shall go wrong with one request that `match` picks. */
export interface Fault {
  match(request: { readonly method: string; readonly path: string }): boolean;
  /** A number is the status of an answer with a reason. */
  readonly how: FaultKind | number;
  readonly message?: string;
  readonly ms?: number;
}

const PIECES_APART_MS = 50;

/** The index of the first byte that continues a character; 0 where there is none. */
function withinCharacter(bytes: Buffer): number {
  return Math.max(
    0,
    bytes.findIndex((byte) => (byte & 0xc0) === 0x80),
  );
}

/** What comes between a request that is read and the work that it asks for. */
export async function delay(response: ServerResponse, fault: Fault | undefined): Promise<void> {
  if (fault?.ms === undefined) return;
  if (fault.how === 'late') response.socket?.destroy();
  await sleep(fault.ms);
  // The work is done though nobody waits for the answer.
  if (response.destroyed) spoil(response, 'unanswered');
}

/** Has the answer go wrong on its way out. */
export function spoil(response: ServerResponse, how: Fault['how'] | undefined): void {
  const write = response.write.bind(response) as (bytes: Buffer, done: () => void) => boolean;
  const writeHead = response.writeHead.bind(response);
  const end = response.end.bind(response) as (bytes: Buffer) => ServerResponse;
  const cutOff = () => void response.socket?.destroy();
  const endWith = (finish: (bytes: Buffer) => unknown) => {
    response.end = finish as typeof response.end;
  };
  const half = (bytes: Buffer) => bytes.subarray(0, bytes.length / 2);
  if (how === 'unanswered') {
    response.writeHead = () => response;
    endWith(cutOff);
  } else if (how === 'cut') {
    endWith((bytes) => write(half(bytes), cutOff));
  } else if (how === 'stalled') {
    endWith((bytes) => write(half(bytes), () => undefined));
  } else if (how === 'mangled') {
    response.writeHead = ((status: number, { 'content-length': _whole, ...headers }: OutgoingHttpHeaders) =>
      writeHead(status, headers)) as typeof response.writeHead;
    endWith((bytes) => end(half(bytes)));
  } else if (how === 'split') {
    endWith((bytes) => {
      const at = withinCharacter(bytes);
      write(bytes.subarray(0, at), () => setTimeout(() => end(bytes.subarray(at)), PIECES_APART_MS));
    });
  }
}
