/** How far a copy is, and how fast: told a few times a second. */
import type { CopyPhase, CopyProgress } from './copy-options.js';

/** Milliseconds between two tellings. */
const INTERVAL = 250;
/** The rate is that of so many tellings: about five seconds. */
const WINDOW = 20;
/** What an object costs beside its bytes, as bytes: a rate of bytes alone would misjudge many small objects. */
const OBJECT_COST = 64 * 1024;

interface Sample {
  readonly at: number;
  readonly bytes: number;
  readonly work: number;
}

export class ProgressMeter {
  phase: CopyPhase = 'planning';
  objectsDone = 0;
  objectsTotal = 0;
  bytesDone = 0;
  bytesTotal = 0;
  readonly #tell: ((progress: CopyProgress) => void) | undefined;
  readonly #failed: () => number;
  readonly #started = performance.now();
  #samples: Sample[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** @param onError what telling threw: it must stop the copy, which a timer cannot */
  constructor(
    tell: ((progress: CopyProgress) => void) | undefined,
    failed: () => number,
    onError: (error: unknown) => void,
  ) {
    this.#tell = tell;
    this.#failed = failed;
    if (!tell) return;
    this.#timer = setInterval(() => {
      try {
        this.#report();
      } catch (error) {
        onError(error);
      }
    }, INTERVAL);
  }

  get seconds(): number {
    return (performance.now() - this.#started) / 1000;
  }

  /** Begins a phase, with all that is to be done in it. */
  begin(phase: CopyPhase, total: { readonly objects: number; readonly bytes: number }): void {
    this.phase = phase;
    this.objectsDone = 0;
    this.bytesDone = 0;
    this.objectsTotal = total.objects;
    this.bytesTotal = total.bytes;
    this.#samples = [];
    this.#report();
  }

  /** An object is done; its bytes were told by moved() as far as they passed here. */
  done(bytes: number): void {
    this.objectsDone++;
    this.bytesDone += bytes;
  }

  moved(bytes: number): void {
    this.bytesDone += bytes;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #report(): void {
    if (!this.#tell) return;
    const { phase, objectsDone, objectsTotal, bytesDone, bytesTotal } = this;
    const work = bytesDone + objectsDone * OBJECT_COST;
    const now: Sample = { at: performance.now(), bytes: bytesDone, work };
    this.#samples.push(now);
    if (this.#samples.length > WINDOW) this.#samples.shift();
    const [first] = this.#samples as [Sample];
    const passed = (now.at - first.at) / 1000;
    const rate = (later: number, earlier: number) => (passed > 0 ? Math.max(0, later - earlier) / passed : 0);
    const workRate = rate(now.work, first.work);
    const left = bytesTotal + objectsTotal * OBJECT_COST - work;
    this.#tell({
      phase,
      objectsDone,
      objectsTotal,
      bytesDone,
      bytesTotal,
      totalsAreFinal: phase !== 'planning',
      bytesPerSecond: rate(now.bytes, first.bytes),
      secondsLeft: phase !== 'planning' && workRate > 0 ? Math.max(0, left) / workRate : undefined,
      seconds: this.seconds,
      failed: this.#failed(),
    });
  }
}
