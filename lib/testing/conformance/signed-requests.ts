/** Signed URLs used as a client would: real requests, and their answers in the words of the contract. */
import {
  AlreadyExistsError,
  InvalidRangeError,
  PermissionDeniedError,
  PreconditionFailedError,
  StorageError,
  StorageFileNotFoundError,
  type ByteRange,
  type SignedUpload,
  type StorageErrorDetails,
} from '../../contract/index.js';

const PATIENCE_MS = 30_000;

/** An answer, read to its end. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Buffer;
}

export async function request(url: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(PATIENCE_MS), ...init });
  return { status: response.status, headers: response.headers, body: Buffer.from(await response.arrayBuffer()) };
}

export function rangeHeader(range: ByteRange): string {
  return range.suffix === undefined ? `bytes=${range.start}-${range.end ?? ''}` : `bytes=-${range.suffix}`;
}

/** Sends a body as a signed upload says, with headers changed or added. */
export function send(
  upload: SignedUpload,
  body: Uint8Array<ArrayBuffer>,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const all = new Headers(upload.headers);
  for (const [name, value] of Object.entries(headers)) all.set(name, value);
  if (upload.method === 'PUT') return request(upload.url, { method: 'PUT', headers: all, body });
  const form = new FormData();
  for (const [name, value] of Object.entries(upload.fields ?? {})) form.append(name, value);
  const type = all.get('content-type') ?? upload.fields?.['Content-Type'] ?? '';
  all.delete('content-type');
  form.append('file', new Blob([body], { type }));
  return request(upload.url, { method: 'POST', headers: all, body: form });
}

/** The error of the contract that an HTTP answer stands for. */
export function errorOf(answer: Answer, details: StorageErrorDetails, createOnly = false): StorageError {
  const { status } = answer;
  const told = { ...details, reason: `the signed URL answered ${status}: ${answer.body.toString().slice(0, 300)}` };
  if (status === 404) return new StorageFileNotFoundError(told);
  if (status === 416) return new InvalidRangeError(told);
  if (createOnly && (status === 409 || status === 412)) return new AlreadyExistsError(told);
  if (status === 412) return new PreconditionFailedError(told);
  if (status === 401 || status === 403) return new PermissionDeniedError(told);
  return new StorageError(told);
}
