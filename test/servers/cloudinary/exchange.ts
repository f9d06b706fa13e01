/** One request and its answer, and the error that a refusal is. */
import type { IncomingMessage, ServerResponse } from 'node:http';

/** An answer other than success, in the service's shape. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

export interface FilePart {
  readonly filename: string;
  readonly bytes: Buffer;
}

export interface Form {
  readonly fields: ReadonlyMap<string, string>;
  readonly file: FilePart | undefined;
}

export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

const HEAD_END = Buffer.from('\r\n\r\n');

/** multipart/form-data (RFC 7578), of which the file must be the last part. */
export function parseForm(contentType: string | undefined, body: Buffer): Form {
  const boundary = /^multipart\/form-data; ?boundary="?([^";]+)"?$/.exec(contentType ?? '')?.[1];
  if (boundary === undefined) throw new Refusal(400, 'Expected multipart/form-data with a boundary');
  const fields = new Map<string, string>();
  let file: FilePart | undefined;
  const mark = Buffer.from(`\r\n--${boundary}`);
  // The first mark has no line before it.
  const text = Buffer.concat([Buffer.from('\r\n'), body]);
  let at = text.indexOf(mark);
  if (at !== 0) throw new Refusal(400, 'Malformed multipart body');
  for (;;) {
    const from = at + mark.length;
    if (text.subarray(from, from + 2).toString() === '--') break;
    const next = text.indexOf(mark, from);
    const headEnd = text.indexOf(HEAD_END, from);
    if (next < 0 || headEnd < 0 || headEnd > next) throw new Refusal(400, 'Malformed multipart body');
    const head = text.subarray(from, headEnd).toString('utf8');
    const content = text.subarray(headEnd + HEAD_END.length, next);
    const name = /; name="([^"]*)"/i.exec(head)?.[1];
    const filename = /; filename="([^"]*)"/i.exec(head)?.[1];
    if (name === undefined) throw new Refusal(400, 'A part has no name');
    if (file !== undefined) throw new Refusal(400, 'Parameters must stand before the file');
    if (fields.has(name)) throw new Refusal(400, `Parameter ${name} is given twice`);
    if (filename === undefined) fields.set(name, content.toString('utf8'));
    else if (name === 'file') file = { filename, bytes: Buffer.from(content) };
    else throw new Refusal(400, `Unexpected file ${name}`);
    at = next;
  }
  return { fields, file };
}

export function answerJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  const bytes = Buffer.from(JSON.stringify(body));
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': bytes.length,
    ...headers,
  });
  response.end(bytes);
}

/** @param names those that a request may have */
export function onlyKnown(given: Iterable<string>, names: readonly string[]): void {
  for (const name of given) {
    if (!names.includes(name)) throw new Refusal(400, `Unknown parameter ${name}`);
  }
}
