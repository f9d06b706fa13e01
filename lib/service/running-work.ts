/** Work that goes on when its request is answered: an app that closes waits for it before its backends close. */

/** One for each app. */
export class RunningWork {
  readonly #running = new Set<Promise<void>>();

  /** @param work that never rejects */
  follow(work: Promise<void>): void {
    this.#running.add(work);
    void work.finally(() => this.#running.delete(work));
  }

  /** Resolves when nothing runs any more. */
  async ended(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }
}
