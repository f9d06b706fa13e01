/** What the operator is told: server-side failures with the cause and stack that the client never sees. */
import type { Logger } from '@nestjs/common';
import { PermissionDeniedError } from '../contract/index.js';

const DEEPEST = 5;

/** The stack of an error followed by those of its causes. */
function stacks(error: unknown): string {
  const lines: string[] = [];
  let at: unknown = error;
  for (let depth = 0; depth < DEEPEST && at !== undefined && at !== null; depth++) {
    const text = at instanceof Error ? (at.stack ?? at.message) : String(at);
    lines.push(depth === 0 ? text : `Caused by: ${text}`);
    at = at instanceof Error ? at.cause : undefined;
  }
  return lines.join('\n');
}

/**
 * Logs failures that are the server's own: those of 5xx, and a store that refuses the app itself, which clients see as
 * 403. What clients do wrong is theirs.
 */
export function logFailure(logger: Logger, error: unknown, status: number): void {
  // A refusal of the storage's own (a read-only one, a forged link, no tenant) has nothing underneath.
  const refusedByStore = error instanceof PermissionDeniedError && error.cause !== undefined;
  if (status < 500 && !refusedByStore) return;
  logger.error(error instanceof Error ? error.message : String(error), stacks(error));
}
