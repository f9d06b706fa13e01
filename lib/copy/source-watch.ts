/** Whether the source still is what the plan saw: a volume that is unmounted looks like a store without objects. */
import { StorageUnavailableError } from '../contract/index.js';
import type { CopyCount } from './copy-options.js';
import type { ListedPlaces } from './merged-listing.js';

/** After so many objects in a row that are gone the source itself is looked at. */
const SUSPICIOUS_ROW = 5;
/** So many of them, as a part of all, are suspicious too: a quarter. */
const SUSPICIOUS_PART = 4;

export class SourceWatch {
  readonly #places: ListedPlaces;
  readonly #planned: CopyCount;
  #inARow = 0;
  #gone = 0;
  /** Looked at anew when that many are gone. */
  #next = 1;

  /** @param planned grows until the plan is made */
  constructor(places: ListedPlaces, planned: CopyCount) {
    this.#places = places;
    this.#planned = planned;
  }

  /** An object was there. */
  found(): void {
    this.#inARow = 0;
  }

  /** An object was listed, and is gone. @throws StorageError where that is no matter of single objects */
  async missed(): Promise<void> {
    this.#gone++;
    this.#inARow++;
    const many = this.#gone >= this.#next && this.#gone * SUSPICIOUS_PART >= this.#planned.objects;
    if (!many && this.#inARow % SUSPICIOUS_ROW !== 0) return;
    if (many) this.#next = this.#gone * 2;
    const { from, prefix, signal } = this.#places;
    await from.checkHealth({ signal });
    const { files, cursor } = await from.listPage({ prefix, signal });
    if (cursor === undefined) this.assertAsMany(files.length);
  }

  /** @param listed objects that the source lists now. @throws StorageUnavailableError where they are far fewer */
  assertAsMany(listed: number): void {
    const { objects } = this.#planned;
    if (listed * 2 >= objects) return;
    throw new StorageUnavailableError({
      operation: 'copy',
      backend: this.#places.from.backendName,
      reason: `the source lists ${listed} of the ${objects} objects that it had when the copy began`,
      advice: 'Check that its volume is mounted and that nobody empties it, then run the copy again.',
    });
  }
}
