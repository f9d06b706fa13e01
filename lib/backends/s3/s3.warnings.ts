/** Tells what went wrong without failing an operation. */
import type { S3BackendOptions, S3Warning } from './s3.options.js';

function emitWarning({ message, cause }: S3Warning): void {
  process.emitWarning(message, { type: 'StorageWarning', detail: cause instanceof Error ? cause.message : undefined });
}

export function warn({ onWarning = emitWarning }: Pick<S3BackendOptions, 'onWarning'>, warning: S3Warning): void {
  onWarning(warning);
}
