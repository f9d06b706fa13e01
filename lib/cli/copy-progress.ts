/** The progress of a copy: a bar on a terminal, a plain line every few seconds elsewhere. */
import { Presets, SingleBar } from 'cli-progress';
import type { CopyPhase, CopyProgress } from '../copy/index.js';
import { countText, durationText, sizeText } from './sizes.js';
import type { Terminal } from './terminal.js';

/** Between plain lines, in ms. */
const LINE_EVERY = 5000;

// All of a line fits into 80 columns.
const BAR_WIDTH = 12;
const GROWING = '{phase} {objects}, {bytes}';
const LINE = '{phase} {percentage}%  {objects}  {bytes}  {rate}';
const BAR = '{phase} [{bar}] {percentage}%  {objects}  {bytes}  {rate}';

/** Draws on the error stream. Close it whatever comes of the copy: it hides the cursor and keeps a timer. */
export class CopyProgressBar {
  readonly #terminal: Terminal;
  #bar: SingleBar | undefined;
  #phase: CopyPhase | undefined;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  update(progress: CopyProgress): void {
    const { done, total } = measured(progress);
    if (progress.phase !== this.#phase) this.#begin(progress);
    this.#bar?.setTotal(total);
    this.#bar?.update(done, texts(progress));
  }

  close(): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }

  #begin(progress: CopyProgress): void {
    this.close();
    this.#phase = progress.phase;
    if (progress.phase === 'done') return;
    const { error } = this.#terminal.streams;
    const whole = error.isTTY ? BAR : LINE;
    this.#bar = new SingleBar(
      {
        stream: error as NodeJS.WriteStream,
        format: progress.phase === 'planning' ? GROWING : whole,
        barsize: BAR_WIDTH,
        hideCursor: true,
        noTTYOutput: true,
        notTTYSchedule: LINE_EVERY,
        fps: 5,
      },
      Presets.legacy,
    );
    const { done, total } = measured(progress);
    this.#bar.start(total, done, texts(progress));
  }
}

/** Bytes; objects where those that are left are empty. */
function measured({ bytesDone, bytesTotal, objectsDone, objectsTotal }: CopyProgress) {
  return bytesTotal > 0 ? { done: bytesDone, total: bytesTotal } : { done: objectsDone, total: objectsTotal };
}

function texts(progress: CopyProgress): Record<'phase' | 'objects' | 'bytes' | 'rate', string> {
  const { phase, objectsDone, objectsTotal, bytesDone, bytesTotal, bytesPerSecond, secondsLeft, failed } = progress;
  const left = secondsLeft === undefined ? '' : `  ${durationText(Math.max(1, Math.round(secondsLeft)))} left`;
  const lost = failed > 0 ? `  ${countText(failed, 'failure')}` : '';
  const planning = phase === 'planning';
  return {
    phase: phase.padEnd(9),
    objects: planning ? countText(objectsTotal, 'object') : `${objectsDone}/${objectsTotal}`,
    bytes: planning ? sizeText(bytesTotal) : `${sizeText(bytesDone)}/${sizeText(bytesTotal)}`,
    rate: `${sizeText(bytesPerSecond)}/s${left}${lost}`,
  };
}
