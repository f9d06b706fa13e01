/** The last step of an upload; where no answer tells how it ended, the object itself does. */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  StorageTimeoutError,
  StorageUnavailableError,
  type ObjectInfo,
  type StorageErrorDetails,
} from '../../contract/index.js';
import type { CloudinaryClient } from './cloudinary-client.js';
import { CloudinaryFailure, outcomeOf } from './cloudinary-errors.js';
import { objectInfo, timeOf } from './context.js';
import type { AssetName } from './public-id.js';
import type { UploadSession } from './upload-session.js';

/** Pauses before the looks, in parts of the time-out: six looks within half of it. */
const PAUSES = [0, 1 / 60, 2 / 60, 4 / 60, 8 / 60, 16 / 60];

/** What is to be published, and where its etag is looked for. */
export interface Publication {
  readonly session: UploadSession;
  readonly name: AssetName;
  readonly info: Omit<ObjectInfo, 'lastModified'>;
  /** Seconds. */
  readonly timeout: number;
}

/**
 * Sends the last part. Cloudinary may publish it after its answer is lost, so a failure is told only after some looks, and
 * with what is left uncertain.
 */
export async function publish(
  client: CloudinaryClient,
  { session, name, info, timeout }: Publication,
  details: StorageErrorDetails,
): Promise<ObjectInfo> {
  const done = { ...info, lastModified: timeOf(info.etag) };
  try {
    await session.finish();
    return done;
  } catch (error) {
    const outcome = outcomeOf(error);
    if (outcome === 'failed') throw error;
    for (const pause of outcome === 'open' ? PAUSES : [0]) {
      await sleep(pause * timeout * 1000);
      const asset = await client.resource(name, details).catch(() => undefined);
      if (asset && objectInfo(info.key, asset).etag === info.etag) return done;
    }
    throw outcome === 'open' ? undecided(error as Error, details) : error;
  }
}

function undecided(error: Error, details: StorageErrorDetails): Error {
  const told = {
    ...details,
    reason: 'Cloudinary did not say whether it published the file',
    advice: 'It is not there so far and may still appear: look for it before you write it again.',
    cause: error.cause as CloudinaryFailure,
  };
  return error instanceof StorageTimeoutError ? new StorageTimeoutError(told) : new StorageUnavailableError(told);
}
