/** A bar on the error stream of a terminal, in which a line of text grows. */
import { Presets, SingleBar } from 'cli-progress';
import type { Terminal } from './terminal.js';

// All of a line fits into 80 columns.
const BAR_WIDTH = 12;

export interface ProgressLine {
  /** As cli-progress has it: `{bar}`, `{percentage}`, and the names of the texts. */
  readonly format: string;
  readonly done: number;
  readonly total: number;
  readonly texts: Readonly<Record<string, string>>;
}

/** Close it whatever comes of the work: a bar hides the cursor and keeps a timer. */
export class ProgressBar {
  readonly #terminal: Terminal;
  #bar: SingleBar | undefined;
  #format: string | undefined;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  draw({ format, done, total, texts }: ProgressLine): void {
    if (format !== this.#format) this.#begin(format, { done, total, texts });
    this.#bar?.setTotal(total);
    this.#bar?.update(done, texts);
  }

  /** What is told afterwards says more than the end of a bar: it is gone. */
  close(): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }

  #begin(format: string, { done, total, texts }: Omit<ProgressLine, 'format'>): void {
    this.close();
    this.#format = format;
    this.#bar = new SingleBar(
      {
        stream: this.#terminal.streams.error as NodeJS.WriteStream,
        format,
        barsize: BAR_WIDTH,
        hideCursor: true,
        clearOnComplete: true,
        fps: 5,
      },
      Presets.legacy,
    );
    this.#bar.start(total, done, texts);
  }
}
