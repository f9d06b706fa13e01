/** Write conditions held against what is there, the same way for every backend that checks them itself. */
import { AlreadyExistsError, PreconditionFailedError, type StorageErrorDetails } from './errors.js';
import type { WriteConditions } from './objects.js';

/** @throws AlreadyExistsError, PreconditionFailedError */
export function assertConditions(
  currentEtag: string | undefined,
  conditions: WriteConditions,
  details: StorageErrorDetails,
): void {
  if (conditions.ifNoneMatch === '*' && currentEtag !== undefined) throw new AlreadyExistsError(details);
  if (conditions.ifMatch !== undefined && conditions.ifMatch !== currentEtag) {
    throw new PreconditionFailedError(
      currentEtag === undefined
        ? { ...details, reason: 'ifMatch names a version, but there is no such file' }
        : details,
    );
  }
}
