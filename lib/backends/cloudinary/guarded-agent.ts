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

/** Makes an agent watch its connections. Agents of HTTP and HTTPS share their methods, not a constructor. */
function guard(agent: http.Agent, timeoutMs: number): GuardedAgent {
  const { createConnection, keepSocketAlive, reuseSocket } = agent;
  agent.createConnection = (...call) => {
    const socket = createConnection.apply(agent, call);
    watch(socket, timeoutMs);
    return socket;
  };
  agent.keepSocketAlive = (socket) => {
    (socket as Socket).setTimeout(IDLE_MS);
    keepSocketAlive.call(agent, socket);
    return true;
  };
  agent.reuseSocket = (socket, request) => {
    (socket as Socket).setTimeout(timeoutMs);
    reuseSocket.call(agent, socket, request);
  };
  return agent;
}

/** @param url the address to be reached, of which only the protocol counts */
export function guardedAgent(url: string, timeoutMs: number): GuardedAgent {
  const options = { keepAlive: true };
  return guard(url.startsWith('http:') ? new http.Agent(options) : new https.Agent(options), timeoutMs);
}
