/** Writes whose answer may get lost: repeated only where that cannot undo what another has written since. */
import { setTimeout as pause } from 'node:timers/promises';
import { isStale, type GcsApi, type GcsCall } from './gcs-api.js';
import { GcsFailure, OVERTAKEN } from './gcs-failure.js';
import type { ObjectResource } from './object-resource.js';
import { Lookout, type Sighting } from './sighting.js';

/** How one try is made: parts of its call. */
export type WriteTry = Pick<GcsCall, 'onceUnclear' | 'tried'> & { readonly ifGenerationMatch: string | undefined };

export interface UnsettledWrite {
  readonly api: GcsApi;
  readonly bucket: string;
  /** Of the object that is written. */
  readonly key: string;
  /** The caller's own condition. */
  readonly ifGenerationMatch: string | undefined;
  readonly signal?: AbortSignal;
  send(how: WriteTry): Promise<ObjectResource>;
  /** Whether what is there now may be what was sent. */
  isOurs(found: ObjectResource): boolean;
}

/** Milliseconds until an unclear write is looked at and repeated; undefined where it must not be. */
export function delayOf(api: GcsApi, failure: GcsFailure): number | undefined {
  return isStale(failure) ? 0 : api.retryDelay(failure, 0, Date.now());
}

/**
 * Makes the write. Its repetitions hold a condition: the caller's, or else that the key is still as it was found after
 * the lost answer, with nothing there that may be newer than the request.
 *
 * @throws GcsFailure, with the reason OVERTAKEN where the outcome cannot be told
 */
export async function settledWrite(write: UnsettledWrite): Promise<ObjectResource> {
  const { api, ifGenerationMatch, signal } = write;
  const lookout = new Lookout(api, write.bucket, write.key);
  const conditional = ifGenerationMatch !== undefined;
  try {
    return await write.send({ ifGenerationMatch, onceUnclear: !conditional });
  } catch (error) {
    if (!(error instanceof GcsFailure) || !error.uncertain) throw error;
    const delay = conditional ? undefined : delayOf(api, error);
    if (delay !== undefined) await pause(delay, undefined, { signal });
    const seen = await lookout.look(signal);
    if (!seen) throw error;
    const newer = mayBeNewer(seen);
    if (newer && write.isOurs(newer)) return newer;
    if (delay === undefined) throw error;
    if (newer) throw error.with({ reason: OVERTAKEN });
    return repeat(write, seen.age === 'none' ? '0' : seen.object.generation, lookout);
  }
}

async function repeat(write: UnsettledWrite, generation: string, lookout: Lookout): Promise<ObjectResource> {
  try {
    return await write.send({ ifGenerationMatch: generation, tried: 1 });
  } catch (error) {
    if (!(error instanceof GcsFailure) || !(error.uncertain || error.status === 412)) throw error;
    // Either the first try came through late, or another writer did.
    const seen = await lookout.look(write.signal);
    const newer = seen && mayBeNewer(seen);
    if (newer && write.isOurs(newer)) return newer;
    throw error.status === 412 ? error.with({ reason: OVERTAKEN }) : error;
  }
}

function mayBeNewer(seen: Sighting): ObjectResource | undefined {
  return seen.age === 'none' || seen.age === 'older' ? undefined : seen.object;
}
