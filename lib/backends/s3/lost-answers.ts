/** Attempts at a request whose work the store may have done although no answer said so. */
import type { CreateMultipartUploadCommand } from '@aws-sdk/client-s3';

// Nothing was sent where nobody was reached.
const UNREACHED = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);
/** A store that asks to slow down has turned the request away. */
const TURNED_AWAY = 503;

/** Watches all attempts at a command. @returns the last loss, once there was one */
export function watchLostAnswers(command: CreateMultipartUploadCommand): () => Error | undefined {
  let lost: Error | undefined;
  command.middlewareStack.add(
    (next) => async (args) => {
      try {
        const result = await next(args);
        const { statusCode } = result.response as { statusCode: number };
        if (statusCode >= 500 && statusCode !== TURNED_AWAY) lost = new Error(`the store answered ${statusCode}`);
        return result;
      } catch (error) {
        if (!UNREACHED.has((error as NodeJS.ErrnoException).code ?? '')) lost = error as Error;
        throw error;
      }
    },
    { step: 'deserialize', priority: 'low', name: 'storageLostAnswers' },
  );
  return () => lost;
}
