/** The header of one multipart part, read strictly and written again so that every parser behind reads the same. */
import { isUtf8 } from 'node:buffer';
import { trimEnd } from '../contract/trim-end.js';
import { cleanFileName } from './file-name.js';
import { invalidUpload } from './upload-errors.js';
import type { ResolvedLimits } from './upload-plan.js';

export interface PartHeader {
  /** True for a part that carries a file with a name. */
  readonly isFile: boolean;
  /** The header in its new form, with the empty line that ends it. */
  readonly bytes: Buffer;
}

type HeaderLimits = Pick<ResolvedLimits, 'headerPairs' | 'fieldNameSize' | 'fileNameSize'>;

const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
// RFC 6266's parameters, with the liberties that real clients take: quoted text in which a backslash may be just that.
// Its alternatives begin with different characters: where two could read the same, each more doubles the time.
const PARAMETER =
  /[ \t]*;[ \t]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\["\\]|\\(?!["\\]))*)"|([^;" \t]*))[ \t]*/y;

/** Unfolds and splits. Text is latin1: one character a byte. */
function headerLines(block: string, limits: HeaderLimits): [name: string, value: string][] {
  const lines = block.replace(/\r\n[ \t]+/g, ' ').split('\r\n');
  if (lines.length > limits.headerPairs) {
    throw invalidUpload(`a part has more than ${limits.headerPairs} header lines`);
  }
  return lines.map((line) => {
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0));
    const value = line.slice(colon + 1);
    if (!NAME.test(name) || !VALUE.test(value)) throw invalidUpload('the header of a part is malformed');
    return [name.toLowerCase(), trimEnd(value, ' \t').trimStart()];
  });
}

function parametersOf(disposition: string): Map<string, string> {
  const type = /^form-data[ \t]*(?=;|$)/i.exec(disposition);
  if (!type) throw invalidUpload('a part is not form-data');
  const parameters = new Map<string, string>();
  PARAMETER.lastIndex = type[0].length;
  while (PARAMETER.lastIndex < disposition.length) {
    const match = PARAMETER.exec(disposition);
    if (!match) throw invalidUpload('the Content-Disposition of a part is malformed');
    const name = match[1]!.toLowerCase();
    // Two parsers may pick two different ones: such a part means no good.
    if (parameters.has(name)) throw invalidUpload(`the Content-Disposition of a part says ${name} twice`);
    parameters.set(name, match[3] ?? match[2]!.replace(/\\(["\\])/g, '$1'));
  }
  return parameters;
}

/** UTF-8 as it is; anything else was written in latin1 by an old client. */
function decoded(latin1: string): string {
  const bytes = Buffer.from(latin1, 'latin1');
  return isUtf8(bytes) ? bytes.toString('utf8') : latin1;
}

function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

function fieldName(raw: string | undefined, limits: HeaderLimits): string {
  if (raw === undefined || raw === '') throw invalidUpload('a part has no name');
  if (raw.length > limits.fieldNameSize) {
    throw invalidUpload(`a field has a name of more than ${limits.fieldNameSize} bytes`);
  }
  const name = decoded(raw);
  if (/%0[ad]|\p{Cc}/iu.test(name)) throw invalidUpload('a field has a name with a line break or control character');
  // append-field would make a property of it, and a later Object.assign() a prototype.
  if (/(?:^|\[)__proto__(?:\]|\[|$)/.test(name)) throw invalidUpload('a field is named __proto__');
  return name;
}

/**
 * Reads the header of a part.
 *
 * `filename*` is left out: RFC 7578, 4.2 forbids it in form-data, and it would win over the name that others checked.
 *
 * @param block the header without the empty line at its end
 * @throws InvalidUploadError
 */
export function readPartHeader(block: Buffer, limits: HeaderLimits): PartHeader {
  const lines = headerLines(block.toString('latin1'), limits);
  const dispositions = lines.filter(([name]) => name === 'content-disposition');
  if (dispositions.length !== 1) throw invalidUpload('a part must have one Content-Disposition');
  const parameters = parametersOf(dispositions[0]![1]);
  let disposition = `form-data; name=${quoted(fieldName(parameters.get('name'), limits))}`;
  const raw = parameters.get('filename');
  if (raw === undefined && parameters.has('filename*')) {
    throw invalidUpload('a part names its file by filename* alone, which form-data does not allow (RFC 7578, 4.2)');
  }
  if (raw !== undefined) {
    if (raw.length > limits.fileNameSize) {
      throw invalidUpload(`a file has a name of more than ${limits.fileNameSize} bytes`);
    }
    // An empty name is how browsers send a file input that was left empty.
    disposition += `; filename=${quoted(raw === '' ? '' : cleanFileName(unescaped(decoded(raw))))}`;
  }
  const others = lines.filter(([name]) => name === 'content-type').slice(0, 1);
  const text = others.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return {
    isFile: raw !== undefined && raw !== '',
    bytes: Buffer.concat([
      Buffer.from(`content-disposition: ${disposition}\r\n`),
      Buffer.from(`${text}\r\n`, 'latin1'),
    ]),
  };
}

/** Browsers write CR, LF and the quote as these: https://html.spec.whatwg.org/#multipart-form-data */
function unescaped(name: string): string {
  return name.replace(/%0[ad]/gi, '').replace(/%22/g, '"');
}
