/** The progress of a copy: a bar on a terminal, a plain line every few seconds elsewhere. */
import type { CopyProgress } from '../copy/index.js';
import { ProgressBar } from './progress-bar.js';
import { countText, rateText, sizeText } from './sizes.js';
import type { Terminal } from './terminal.js';

/** Between plain lines, in ms. */
const LINE_EVERY = 5000;

const GROWING = '{phase} {objects}, {bytes}';
const BAR = '{phase} [{bar}] {percentage}%  {objects}  {bytes}  {rate}';

/** Shows on the error stream. Close it whatever comes of the copy. */
export class CopyProgressDisplay {
  readonly #terminal: Terminal;
  readonly #bar: ProgressBar;
  #lineAt = performance.now() + LINE_EVERY;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
    this.#bar = new ProgressBar(terminal);
  }

  update(progress: CopyProgress): void {
    if (this.#terminal.streams.error.isTTY) this.#draw(progress);
    else this.#tell(progress);
  }

  close(): void {
    this.#bar.close();
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
    if (progress.phase === 'done') return this.close();
    const format = progress.phase === 'planning' ? GROWING : BAR;
    this.#bar.draw({ format, ...measured(progress), texts: texts(progress) });
  }
}

/** Bytes; objects where those that are left are empty. */
function measured({ bytesDone, bytesTotal, objectsDone, objectsTotal }: CopyProgress) {
  return bytesTotal > 0 ? { done: bytesDone, total: bytesTotal } : { done: objectsDone, total: objectsTotal };
}

function texts(progress: CopyProgress): Record<'phase' | 'objects' | 'bytes' | 'rate', string> {
  const { phase, objectsDone, objectsTotal, bytesDone, bytesTotal, bytesPerSecond, secondsLeft, failed } = progress;
  const lost = failed > 0 ? `  ${countText(failed, 'failure')}` : '';
  const planning = phase === 'planning';
  return {
    phase: phase.padEnd(9),
    objects: planning ? countText(objectsTotal, 'object') : `${objectsDone}/${objectsTotal}`,
    bytes: planning ? sizeText(bytesTotal) : `${sizeText(bytesDone)}/${sizeText(bytesTotal)}`,
    rate: `${rateText(bytesPerSecond, secondsLeft)}${lost}`,
  };
}
