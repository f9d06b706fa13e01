/** A multipart body on its way to busboy: framing is checked and part headers are put in one form; bytes pass as they are. */
import { readPartHeader } from './part-header.js';
import { invalidUpload } from './upload-errors.js';
import type { ResolvedLimits } from './upload-plan.js';

const CRLF = Buffer.from('\r\n');
const HEADER_END = Buffer.from('\r\n\r\n');
const MAX_HEADER_BYTES = 16 * 1024;
// RFC 2046 allows text around the parts; form-data clients send none beyond a line break.
const MAX_MARGIN_BYTES = 1024;
// RFC 2046, 5.1.1: bchars.
const BOUNDARY = /^[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]$/;

/**
 * The boundary of a multipart/form-data content type.
 *
 * @throws InvalidUploadError
 */
export function boundaryOf(contentType: string): string {
  const found = [...contentType.matchAll(/;\s*boundary\s*=\s*(?:"([^"\\]*)"|([^\s;"]+))/gi)];
  const boundary = found[0]?.[1] ?? found[0]?.[2];
  if (found.length !== 1 || boundary === undefined || !BOUNDARY.test(boundary)) {
    throw invalidUpload('the Content-Type names no boundary');
  }
  return boundary;
}

/** Where in the body the next byte stands. */
type State = 'preamble' | 'delimiter' | 'header' | 'content' | 'body' | 'epilogue';

export class MultipartFilter {
  readonly #delimiter: Buffer;
  readonly #limits: ResolvedLimits;
  readonly #push: (bytes: Buffer) => void;
  #state: State = 'preamble';
  /** Bytes that cannot be judged before more arrive. Begins with a line break: the first boundary needs none. */
  #held: Buffer = CRLF;
  #files = 0;
  #margin = 0;

  constructor(boundary: string, limits: ResolvedLimits, push: (bytes: Buffer) => void) {
    this.#delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1');
    this.#limits = limits;
    this.#push = push;
  }

  /** @throws InvalidUploadError */
  write(chunk: Buffer): void {
    let data = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    this.#held = CRLF.subarray(0, 0);
    while (data.length > 0) {
      const rest = this.#step(data);
      if (rest === undefined) return;
      data = rest;
    }
  }

  /** @throws InvalidUploadError where the body ended too early */
  end(): void {
    if (this.#state === 'preamble') throw invalidUpload('the body does not begin with its boundary');
    if (this.#state !== 'epilogue') throw invalidUpload('the body ends before its last boundary');
  }

  /** Takes what it can of the data. Undefined where the rest is held until more arrives. */
  #step(data: Buffer): Buffer | undefined {
    switch (this.#state) {
      case 'preamble':
        return this.#preamble(data);
      case 'body':
        return this.#body(data);
      case 'delimiter':
        return this.#afterDelimiter(data);
      case 'header':
        return this.#header(data);
      case 'content':
        return this.#content(data);
      case 'epilogue':
        this.#margin += data.length;
        if (this.#margin > MAX_MARGIN_BYTES) throw invalidUpload('the body goes on after its last boundary');
        return undefined;
    }
  }

  #hold(data: Buffer): undefined {
    this.#held = data;
  }

  #preamble(data: Buffer): Buffer | undefined {
    const at = data.indexOf(this.#delimiter);
    const before = at < 0 ? data : data.subarray(0, at);
    if (before.length > MAX_MARGIN_BYTES || (at >= 0 && /[^\r\n]/.test(before.toString('latin1')))) {
      throw invalidUpload('the body does not begin with its boundary');
    }
    if (at < 0) return this.#hold(data);
    this.#push(this.#delimiter.subarray(CRLF.length));
    this.#state = 'delimiter';
    return data.subarray(at + this.#delimiter.length);
  }

  #body(data: Buffer): Buffer | undefined {
    const at = data.indexOf(this.#delimiter);
    if (at >= 0) {
      const end = at + this.#delimiter.length;
      this.#push(data.subarray(0, end));
      this.#state = 'delimiter';
      return data.subarray(end);
    }
    const kept = this.#possibleStart(data);
    if (kept > 0) this.#push(data.subarray(0, kept));
    return kept < data.length ? this.#hold(data.subarray(kept)) : undefined;
  }

  /** Where a delimiter may begin that the next chunk completes; the length of the data where none can. */
  #possibleStart(data: Buffer): number {
    let at = data.indexOf(0x0d, Math.max(0, data.length - this.#delimiter.length + 1));
    while (at >= 0) {
      if (data.subarray(at).equals(this.#delimiter.subarray(0, data.length - at))) return at;
      at = data.indexOf(0x0d, at + 1);
    }
    return data.length;
  }

  #afterDelimiter(data: Buffer): Buffer | undefined {
    if (data.length < 2) return this.#hold(data);
    const next = data.toString('latin1', 0, 2);
    if (next !== '--' && next !== '\r\n') throw invalidUpload('a boundary is malformed');
    this.#push(data.subarray(0, 2));
    this.#state = next === '--' ? 'epilogue' : 'header';
    return data.subarray(2);
  }

  #header(data: Buffer): Buffer | undefined {
    const end = data.indexOf(HEADER_END);
    if ((end < 0 ? data.length : end) > MAX_HEADER_BYTES) throw invalidUpload('the header of a part is too long');
    if (end < 0) return this.#hold(data);
    const { bytes, isFile } = readPartHeader(data.subarray(0, end), this.#limits);
    if (isFile && ++this.#files > this.#limits.files) {
      throw invalidUpload(`it has more than ${this.#limits.files} file${this.#limits.files === 1 ? '' : 's'}`);
    }
    this.#push(bytes);
    this.#state = 'content';
    return data.subarray(end + CRLF.length);
  }

  /** Begins with the empty line. Its break must not serve as that of a boundary, which parsers read differently. */
  #content(data: Buffer): Buffer | undefined {
    const length = Math.min(data.length, this.#delimiter.length);
    if (data.subarray(0, length).equals(this.#delimiter.subarray(0, length))) {
      if (length < this.#delimiter.length) return this.#hold(data);
      throw invalidUpload('a part has no content');
    }
    this.#state = 'body';
    return data.subarray(CRLF.length);
  }
}
