/** Upload bodies kept from whoever runs before the handler: body parsers, and clients that wait for `100 Continue`. */
import type { IncomingMessage, ServerResponse } from 'node:http';

interface Held {
  readonly headers: Readonly<Record<string, string>>;
}

const DESCRIBING = ['content-length', 'transfer-encoding', 'content-type'] as const;

const held = new WeakMap<IncomingMessage, Held>();
const waiting = new WeakSet<IncomingMessage>();

/**
 * Makes a request look as if it had no body, which is the one thing that every body parser looks at first (type-is,
 * hasBody), whatever types it was told to take. The stream itself is not touched.
 */
export function holdBody(req: IncomingMessage): void {
  const headers: Record<string, string> = {};
  for (const name of DESCRIBING) {
    const value = req.headers[name];
    if (value === undefined) continue;
    headers[name] = value;
    delete req.headers[name];
  }
  held.set(req, { headers });
}

/** Gives the headers back. Does nothing where none were taken. */
export function releaseBody(req: IncomingMessage): void {
  const taken = held.get(req);
  if (!taken) return;
  held.delete(req);
  Object.assign(req.headers, taken.headers);
}

/** Remembers that the client waits for `100 Continue`. */
export function withholdContinue(req: IncomingMessage): void {
  waiting.add(req);
}

/** Tells a client that waits to send its body now. */
export function sendContinue(req: IncomingMessage, res: ServerResponse): void {
  if (waiting.delete(req) && !res.headersSent) res.writeContinue();
}

/** True while a client waits, and so sends nothing. */
export function isWaiting(req: IncomingMessage): boolean {
  return waiting.has(req);
}
