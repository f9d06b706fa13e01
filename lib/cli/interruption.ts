/** Signals of the system as an AbortSignal: the first lets a command clean up, the second ends it at once. */
import { constants } from 'node:os';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Listens until it is let go. */
export class Interruption {
  readonly #abort = new AbortController();
  #received: (typeof SIGNALS)[number] | undefined;

  constructor() {
    for (const name of SIGNALS) process.on(name, this.#receive);
  }

  /** Fires at the first signal. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Exit code of an interrupted process, as shells know it; undefined where nothing interrupted it. */
  get exitCode(): number | undefined {
    return this.#received && 128 + constants.signals[this.#received];
  }

  close(): void {
    for (const name of SIGNALS) process.off(name, this.#receive);
  }

  readonly #receive = (name: (typeof SIGNALS)[number]) => {
    if (this.#received) process.exit(128 + constants.signals[name]);
    this.#received = name;
    this.#abort.abort();
  };
}
