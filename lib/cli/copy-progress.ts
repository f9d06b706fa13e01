/** The progress of a copy: a bar on a terminal, a plain line every few seconds elsewhere. */
import { Presets, SingleBar } from 'cli-progress';
import type { CopyPhase, CopyProgress } from '../copy/index.js';
import { countText, roughDurationText, sizeText } from './sizes.js';
import type { Terminal } from './terminal.js';

/** Between plain lines, in ms. */
const LINE_EVERY = 5000;

// All of a line fits into 80 columns.
const BAR_WIDTH = 12;
const GROWING = '{phase} {objects}, {bytes}';
const BAR = '{phase} [{bar}] {percentage}%  {objects}  {bytes}  {rate}';

/** Shows on the error stream. Close it whatever comes of the copy: a bar hides the cursor and keeps a timer. */
export class CopyProgressDisplay {
  readonly #terminal: Terminal;
  #bar: SingleBar | undefined;
  #phase: CopyPhase | undefined;
  #lineAt = performance.now() + LINE_EVERY;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  update(progress: CopyProgress): void {
    if (this.#terminal.streams.error.isTTY) this.#draw(progress);
    else this.#tell(progress);
  }

  /** The summary says more than the end of a bar. */
  close(): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }

  #tell(progress: CopyProgress): void {
    if (performance.now() < this.#lineAt) return;
    this.#lineAt = performance.now() + LINE_EVERY;
    const { phase, objects, bytes, rate } = texts(progress);
    this.#terminal.note(
      progress.phase === 'planning' ? `${phase} ${objects}, ${bytes}` : `${phase} ${objects}  ${bytes}  ${rate}`,
    );
  }

  #draw(progress: CopyProgress): void {
    const { done, total } = measured(progress);
    if (progress.phase !== this.#phase) this.#begin(progress, done, total);
    this.#bar?.setTotal(total);
    this.#bar?.update(done, texts(progress));
  }

  #begin(progress: CopyProgress, done: number, total: number): void {
    this.close();
    this.#phase = progress.phase;
    if (progress.phase === 'done') return;
    this.#bar = new SingleBar(
      {
        stream: this.#terminal.streams.error as NodeJS.WriteStream,
        format: progress.phase === 'planning' ? GROWING : BAR,
        barsize: BAR_WIDTH,
        hideCursor: true,
        clearOnComplete: true,
        fps: 5,
      },
      Presets.legacy,
    );
    this.#bar.start(total, done, texts(progress));
  }
}

/** Bytes; objects where those that are left are empty. */
function measured({ bytesDone, bytesTotal, objectsDone, objectsTotal }: CopyProgress) {
  return bytesTotal > 0 ? { done: bytesDone, total: bytesTotal } : { done: objectsDone, total: objectsTotal };
}

function texts(progress: CopyProgress): Record<'phase' | 'objects' | 'bytes' | 'rate', string> {
  const { phase, objectsDone, objectsTotal, bytesDone, bytesTotal, bytesPerSecond, secondsLeft, failed } = progress;
  const left = secondsLeft === undefined ? '' : `  ${roughDurationText(secondsLeft)} left`;
  const lost = failed > 0 ? `  ${countText(failed, 'failure')}` : '';
  const planning = phase === 'planning';
  return {
    phase: phase.padEnd(9),
    objects: planning ? countText(objectsTotal, 'object') : `${objectsDone}/${objectsTotal}`,
    bytes: planning ? sizeText(bytesTotal) : `${sizeText(bytesDone)}/${sizeText(bytesTotal)}`,
    rate: `${sizeText(bytesPerSecond)}/s${left}${lost}`,
  };
}
