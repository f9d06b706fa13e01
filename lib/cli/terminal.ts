/** What the command line writes to and reads from: its streams, with what is known of them. */
import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';
import type { Readable, Writable } from 'node:stream';
import { styleText } from 'node:util';

/** Colours that the command line uses, by what they mean. */
const STYLES = { good: 'green', bad: 'red', warning: 'yellow', quiet: 'dim', strong: 'bold' } as const;

/** What a text means. */
export type Meaning = keyof typeof STYLES;

/** The streams of a process, or of a test. */
export interface TerminalStreams {
  readonly input: Readable & { readonly isTTY?: boolean };
  readonly output: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly error: Writable & { readonly isTTY?: boolean; readonly columns?: number };
}

// Control characters, and those that turn the direction of a line round: what is stored must not drive a terminal.
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]|\p{Cs}/gu;

/** A text as it may stand in one line of a terminal; what cannot is shown as `\u{a}`. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (char) => `\\u{${char.codePointAt(0)!.toString(16)}}`);
}

/** Answers go to the output, everything about the way there to the error stream. */
export class Terminal {
  readonly streams: TerminalStreams;
  /** Fires when the output takes nothing more: its reader left, as behind `| head`, or it cannot be written. */
  readonly outputEnded: AbortSignal;
  #outputFailure: Error | undefined;

  constructor(streams: TerminalStreams) {
    this.streams = streams;
    const ended = new AbortController();
    this.outputEnded = ended.signal;
    streams.output.on('error', (error: NodeJS.ErrnoException) => {
      // A reader that leaves is no failure, and what is written after that meets a stream that is gone.
      if (error.code !== 'EPIPE' && !ended.signal.aborted) this.#outputFailure = error;
      ended.abort();
    });
    // Nobody is left to tell it to.
    streams.error.on('error', () => undefined);
  }

  /** Whether somebody sits there who can be asked. */
  get interactive(): boolean {
    return this.streams.input.isTTY === true && this.streams.error.isTTY === true;
  }

  /** A line of the answer. Waits where the reader is slower. */
  async line(text: string): Promise<void> {
    const { output } = this.streams;
    if (this.outputEnded.aborted || output.destroyed) return;
    // Where it fails while waiting, outputEnded tells it.
    if (!output.write(`${text}\n`)) await once(output, 'drain', { signal: this.outputEnded }).catch(() => undefined);
  }

  /** Waits until the answer is written. @throws FileError where it could not be, other than that its reader left */
  async flush(): Promise<void> {
    const { output } = this.streams;
    // The event comes after the answer of the write that met the failure.
    if (!this.outputEnded.aborted && !output.destroyed)
      await new Promise<void>((done) => output.write('', () => setImmediate(done)));
    if (!this.#outputFailure) return;
    const { fileFailure } = await import('./file-failure.js');
    throw fileFailure('write', undefined, this.#outputFailure);
  }

  /** A JSON document, on one line. */
  json(document: unknown): Promise<void> {
    return this.line(JSON.stringify(document));
  }

  /** A line beside the answer. */
  note(text: string): void {
    if (!this.streams.error.destroyed) this.streams.error.write(`${text}\n`);
  }

  /** The text in the colour of its meaning, where that stream shows colours (NO_COLOR, FORCE_COLOR, a terminal). */
  styled(meaning: Meaning, text: string, on: 'output' | 'error' = 'output'): string {
    return styleText(STYLES[meaning], text, { stream: this.streams[on] as never, validateStream: true });
  }

  /** Asks who sits there. @returns the answer without spaces around it; '' where the input ended */
  async ask(question: string, signal: AbortSignal): Promise<string> {
    const { input, error } = this.streams;
    const lines = createInterface({ input, output: error });
    const ended = new AbortController();
    lines.once('close', () => ended.abort());
    // The line editor takes Ctrl-C for itself: it is handed on to who listens for it.
    lines.once('SIGINT', () => process.kill(process.pid, 'SIGINT'));
    try {
      return (await lines.question(question, { signal: AbortSignal.any([signal, ended.signal]) })).trim();
    } catch {
      signal.throwIfAborted();
      return '';
    } finally {
      lines.close();
    }
  }
}
