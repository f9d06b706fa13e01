/** Writing answers: head and body in as few writes as possible, and never half an answer that looks whole. */
import type { Readable } from 'node:stream';
import type { Exchange } from './exchange.js';
import { isWaiting } from './held-body.js';
import { jsonHeaders, type Headers } from './response-headers.js';

/** Longest time in ms, and most bytes, that go on being read from a client whose upload was refused. */
const LINGER_MS = 2000;
const LINGER_BYTES = 8 * 1024 * 1024;

/** An answer without content. */
export function sendHead({ res }: Exchange, status: number, headers: Headers): void {
  if (isTaken(res)) return;
  res.writeHead(status, headers);
  res.end();
}

export interface JsonAnswer {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Headers;
}

/**
 * An answer in JSON. Where the client is still sending, the connection is closed after it, but not before the client
 * had a chance to read it: closing over unread bytes resets the connection, and the answer is lost (RFC 9112, 9.6).
 */
export function sendJson(exchange: Exchange, answer: JsonAnswer, linger = true): void {
  const { req, res } = exchange;
  if (isTaken(res)) return;
  const bytes = Buffer.from(JSON.stringify(answer.body));
  const headers = { ...jsonHeaders(), ...answer.headers, 'Content-Length': bytes.length };
  const sending = req.method === 'PUT' && !req.complete;
  if (!sending) {
    res.writeHead(answer.status, headers);
    res.end(bytes);
    return;
  }
  res.writeHead(answer.status, req.httpVersionMajor === 1 ? { ...headers, Connection: 'close' } : headers);
  if (!linger || isWaiting(req)) {
    res.end(bytes);
    return;
  }
  res.write(bytes);
  let read = 0;
  const finish = () => {
    clearTimeout(timer);
    req.off('data', count).off('end', finish).off('close', finish);
    res.end();
  };
  const count = (chunk: Buffer) => {
    read += chunk.length;
    if (read > LINGER_BYTES) finish();
  };
  const timer = setTimeout(finish, LINGER_MS);
  req.on('data', count).once('end', finish).once('close', finish);
  req.resume();
}

/** Hears why a body could not be sent whole, for the log. */
export type OnBroken = (cause: unknown) => void;

export interface BodyAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Readable;
  /** Bytes. */
  readonly length: number;
}

/**
 * Starts to send a body of known length, and goes on behind the handler: time-outs that an app puts around its
 * handlers shall not cut a long download. A body that fails or is too short destroys the connection; a client that
 * leaves destroys the body.
 */
export function sendBody({ res }: Exchange, { status, headers, body, length }: BodyAnswer, onBroken: OnBroken): void {
  if (isTaken(res)) {
    // The client left, or somebody else answered, while the file was opened.
    body.on('error', () => {}).destroy();
    return;
  }
  const { socket } = res;
  let sent = 0;
  let done = false;
  const end = () => {
    done = true;
    res.off('drain', resume).off('close', left);
  };
  const fail = (cause: unknown) => {
    if (done) return;
    end();
    body.destroy();
    res.destroy();
    socket?.destroy();
    onBroken(cause);
  };
  const resume = () => body.resume();
  const left = () => {
    // Before the last byte only the client, or a stranger who ended the answer early, can have closed it.
    end();
    body.destroy();
    socket?.destroy();
  };
  const take = (chunk: Buffer) => {
    if (done) return void body.destroy();
    sent += chunk.length;
    if (sent > length) return fail(new Error('the body is longer than its file'));
    if (res.writableEnded) return left();
    if (sent === length) {
      end();
      res.end(chunk);
    } else if (!res.write(chunk)) body.pause();
  };
  const finish = () => {
    if (done) return;
    if (sent < length) return fail(new Error('the body is shorter than its file'));
    end();
    res.end();
  };
  res.writeHead(status, { ...headers, 'Content-Length': length });
  // These stay for good: what was destroyed may still fail.
  res.on('error', () => {});
  body.on('error', fail);
  res.on('drain', resume).on('close', left);
  body.on('data', take).on('end', finish);
  body.on('close', () => fail(new Error('the body was closed before its end')));
}

/** True when nothing can be answered any more: it was, by somebody else, or the client is gone. */
function isTaken(res: Exchange['res']): boolean {
  return res.headersSent || res.destroyed || res.writableEnded;
}
