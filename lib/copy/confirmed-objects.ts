/** What a journal says of each key, in 32 to 64 bytes a key instead of its text. */
import type { ListedFile } from '../service/index.js';
import { DigestTable, digestOf } from './digest-table.js';
import { versionListed, versionText } from './source-version.js';

/** Digests of the versions of both sides that were found equal. */
export interface Confirmed {
  readonly source: bigint;
  readonly target: bigint;
}

export class ConfirmedObjects {
  readonly #versions = new DigestTable(2);

  get count(): number {
    return this.#versions.count;
  }

  /** What it takes in memory. */
  get bytes(): number {
    return this.#versions.bytes;
  }

  get(key: string): Confirmed | undefined {
    const found = this.#versions.get(key);
    return found && { source: found[0]!, target: found[1]! };
  }

  /** `equal`: neither side has changed since they were found equal. `own`: the target has not. */
  knows(source: ListedFile, target: ListedFile): 'equal' | 'own' | undefined {
    const known = this.get(source.key);
    if (known?.target !== digestOf(target.etag)) return undefined;
    return known.source === digestOf(versionText(versionListed(source))) ? 'equal' : 'own';
  }

  /** @param source version of the source's object. @param target version of the target's */
  set(key: string, source: string, target: string): void {
    this.#versions.set(key, digestOf(source), digestOf(target));
  }

  /** They were found to differ after all. */
  revoke(key: string): void {
    this.#versions.delete(key);
  }
}
