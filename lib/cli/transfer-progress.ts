/** The progress of one object that goes in or out: a bar on a terminal, and nothing elsewhere. */
import { pipeline, Transform, type Readable } from 'node:stream';
import type { CopyProgress } from '../copy/index.js';
import type { CommandContext } from './command-context.js';
import { rateText, sizeText } from './sizes.js';

export interface Transfer {
  /** What is done, as the bar says it: `storing`. */
  readonly word: string;
  /** Bytes of the whole, where that is known beforehand. */
  readonly size: number | undefined;
}

/** Seconds without a bar: most transfers are done by then. */
const PATIENCE = 0.4;

const GROWING = '{word}  {bytes}  {rate}';
const BAR = '{word} [{bar}] {percentage}%  {bytes}  {rate}';

/**
 * Does the work with a body whose bytes are counted, and shows how far it is. With --json, and where the error stream is
 * no terminal, the body is as it was.
 */
export async function withProgress<T>(
  body: Readable,
  transfer: Transfer,
  { terminal, json }: Pick<CommandContext, 'terminal' | 'json'>,
  work: (body: Readable) => Promise<T>,
): Promise<T> {
  if (json || !terminal.streams.error.isTTY) return work(body);
  // Loaded only where somebody watches.
  const [{ ProgressBar }, { ProgressMeter }] = await Promise.all([
    import('./progress-bar.js'),
    import('../copy/progress.js'),
  ]);
  const bar = new ProgressBar(terminal);
  const draw = (progress: CopyProgress) => {
    if (progress.seconds >= PATIENCE) bar.draw(lineOf(progress, transfer));
  };
  // What cannot be drawn is no reason to end the transfer.
  const meter = new ProgressMeter(
    draw,
    () => 0,
    () => meter.stop(),
  );
  meter.begin('copying', { objects: 1, bytes: transfer.size ?? 0 });
  const counted = new Transform({
    transform: (chunk: Buffer, _encoding, done) => {
      meter.moved(chunk.byteLength);
      done(null, chunk);
    },
  });
  try {
    // An error of the body comes out of what is counted, and whoever lets go of that lets go of the body.
    return await work(pipeline(body, counted, () => undefined));
  } finally {
    meter.stop();
    bar.close();
  }
}

function lineOf({ bytesDone, bytesPerSecond, secondsLeft }: CopyProgress, { word, size }: Transfer) {
  if (!size) {
    const texts = { word, bytes: sizeText(bytesDone), rate: rateText(bytesPerSecond, undefined) };
    return { format: GROWING, done: 0, total: 0, texts };
  }
  const bytes = `${sizeText(bytesDone)}/${sizeText(size)}`;
  return {
    format: BAR,
    done: bytesDone,
    total: size,
    texts: { word, bytes, rate: rateText(bytesPerSecond, secondsLeft) },
  };
}
