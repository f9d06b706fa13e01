/** Records of versions that are gone, kept for a grace time: a reader may hold the old file and look for its record. */
import type { BigIntStats } from 'node:fs';

export interface RetiredRecord {
  readonly key: string;
  /** Of the version. */
  readonly stats: BigIntStats;
  /** The file lives on under another key, and could come back. */
  readonly moved: boolean;
}

/**
 * Readers are right without the grace time too (they see that the path has moved on and look again); it spares them
 * the second look. So whatever waits here may be removed early, or be left by a crash for fsck.
 */
export class RetiredRecords {
  readonly #grace: number;
  readonly #remove: (record: RetiredRecord) => Promise<void>;
  #queue: { readonly record: RetiredRecord; readonly due: number }[] = [];
  #timer: NodeJS.Timeout | undefined;
  #removing: Promise<void> | undefined;

  /** @param grace seconds */
  constructor(grace: number, remove: (record: RetiredRecord) => Promise<void>) {
    this.#grace = grace * 1000;
    this.#remove = remove;
  }

  add(record: RetiredRecord): void {
    this.#queue.push({ record, due: performance.now() + Math.max(this.#grace, untilUnique(record.stats)) });
    this.#schedule();
  }

  /** Removes all that waits, at once. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#removing;
    await this.#removeDue(Number.POSITIVE_INFINITY);
  }

  #schedule(): void {
    if (this.#timer || this.#removing || this.#queue.length === 0) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        this.#removing = this.#removeDue(performance.now()).finally(() => {
          this.#removing = undefined;
          this.#schedule();
        });
      },
      Math.max(0, this.#queue[0]!.due - performance.now()),
    );
    this.#timer.unref();
  }

  async #removeDue(now: number): Promise<void> {
    const later = this.#queue.findIndex(({ due }) => due > now);
    const ready = this.#queue.splice(0, later < 0 ? this.#queue.length : later);
    for (const { record } of ready) {
      // What cannot be removed now is an orphan that fsck finds; nobody reads it.
      await this.#remove(record).catch(() => undefined);
    }
  }
}

/**
 * Milliseconds. Where the file system keeps whole seconds only, the same identity could come again within that second:
 * a record that is still there keeps it from being used.
 */
function untilUnique({ mtimeNs, mtimeMs }: BigIntStats): number {
  return mtimeNs % 1_000_000_000n === 0n ? Number(mtimeMs) + 2_000 - Date.now() : 0;
}
