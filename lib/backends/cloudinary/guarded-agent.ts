/** HTTP agents that give up on a silent connection: the SDK's Admin API calls set a time-out and then ignore it. */
import http from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

export type GuardedAgent = http.Agent;

// A kept connection may be closed by the other side at any moment; a short rest makes that unlikely.
const IDLE_MS = 4000;

class ConnectionSilentError extends Error {
  readonly code = 'ETIMEDOUT';
}

function watch(socket: Duplex | null | undefined, timeoutMs: number): void {
  const watched = socket as Socket;
  // A request sets its own time on the socket; whoever set it, silence ends the connection.
  watched.setTimeout(timeoutMs);
  watched.on('timeout', () => watched.destroy(new ConnectionSilentError('no byte arrived in time')));
}

class HttpAgent extends http.Agent {
  constructor(readonly timeoutMs: number) {
    super({ keepAlive: true });
  }

  override createConnection(...call: Parameters<http.Agent['createConnection']>): Duplex | null | undefined {
    const socket = super.createConnection(...call);
    watch(socket, this.timeoutMs);
    return socket;
  }

  override keepSocketAlive(socket: Duplex): boolean {
    (socket as Socket).setTimeout(IDLE_MS);
    super.keepSocketAlive(socket);
    return true;
  }

  override reuseSocket(socket: Duplex, request: http.ClientRequest): void {
    (socket as Socket).setTimeout(this.timeoutMs);
    super.reuseSocket(socket, request);
  }
}

class HttpsAgent extends https.Agent {
  constructor(readonly timeoutMs: number) {
    super({ keepAlive: true });
  }

  override createConnection(...call: Parameters<https.Agent['createConnection']>): Duplex | null | undefined {
    const socket = super.createConnection(...call);
    watch(socket, this.timeoutMs);
    return socket;
  }

  override keepSocketAlive(socket: Duplex): boolean {
    (socket as Socket).setTimeout(IDLE_MS);
    super.keepSocketAlive(socket);
    return true;
  }

  override reuseSocket(socket: Duplex, request: http.ClientRequest): void {
    (socket as Socket).setTimeout(this.timeoutMs);
    super.reuseSocket(socket, request);
  }
}

/** @param url the address to be reached, of which only the protocol counts */
export function guardedAgent(url: string, timeoutMs: number): GuardedAgent {
  return url.startsWith('http:') ? new HttpAgent(timeoutMs) : new HttpsAgent(timeoutMs);
}
