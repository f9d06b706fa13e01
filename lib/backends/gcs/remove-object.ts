/** Deletes, repeated after a lost answer only where they meet what was there before. */
import { setTimeout as pause } from 'node:timers/promises';
import type { StorageKey } from '../../contract/index.js';
import type { GcsApi } from './gcs-api.js';
import { isMissingObject } from './gcs-errors.js';
import { GcsFailure, OVERTAKEN } from './gcs-failure.js';
import { objectPath } from './object-resource.js';
import { delayOf } from './settled-write.js';
import { Lookout } from './sighting.js';

/**
 * Deletes whatever is there, but nothing that may have been created after the call.
 *
 * @returns false where there was nothing. @throws GcsFailure, or the signal's reason
 */
export async function removeObject(
  api: GcsApi,
  bucket: string,
  key: StorageKey,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const lookout = new Lookout(api, bucket, key);
  try {
    await api.done({ method: 'DELETE', path: objectPath(bucket, key), signal, accept: [204], onceUnclear: true });
    return true;
  } catch (error) {
    if (isMissingObject(error)) return false;
    if (!(error instanceof GcsFailure) || !error.uncertain) throw error;
    const delay = delayOf(api, error);
    if (delay !== undefined) await pause(delay, undefined, { signal });
    const seen = await lookout.look(signal);
    // Gone, or replaced since: it may well have been this very call.
    if (seen?.age === 'none' || seen?.age === 'newer') return true;
    if (!seen || delay === undefined) throw error;
    if (seen.age === 'unclear') throw error.with({ reason: OVERTAKEN });
    await removeGeneration(api, bucket, key, seen.object.generation, signal);
    return true;
  }
}

/** @returns false where that generation is no longer there. @throws GcsFailure, or the signal's reason */
export async function removeGeneration(
  api: GcsApi,
  bucket: string,
  key: StorageKey,
  generation: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const path = objectPath(bucket, key);
  const query = { ifGenerationMatch: generation };
  try {
    const { status, uncertain } = await api.done({ method: 'DELETE', path, query, accept: [204, 412], signal });
    return status === 204 || uncertain;
  } catch (error) {
    if (!isMissingObject(error)) throw error;
    // After a lost answer it may well have been this very call that removed it.
    return (error as GcsFailure).uncertain;
  }
}
