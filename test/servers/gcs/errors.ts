/** Refusals in the service's own shapes: JSON of the API, plain text of media, XML of signed URLs. */
import type { ServerResponse } from 'node:http';

/** Thrown by any call; the dispatcher writes it in the shape of the API that was called. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    /** `notFound` and the like in JSON; `NoSuchKey` and the like in XML. */
    readonly reason: string,
    message: string,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
  }
}

export type RefusalShape = 'json' | 'text' | 'xml';

export function badRequest(message: string, reason = 'invalid'): Refusal {
  return new Refusal(400, reason, message);
}

export function noSuchObject(bucket: string, name: string): Refusal {
  return new Refusal(404, 'notFound', `No such object: ${bucket}/${name}`);
}

export function noSuchBucket(): Refusal {
  return new Refusal(404, 'notFound', 'The specified bucket does not exist.');
}

export function conditionNotMet(): Refusal {
  return new Refusal(412, 'conditionNotMet', 'At least one of the pre-conditions you specified did not hold.');
}

export function sendJson(
  res: ServerResponse,
  status: number,
  value: unknown,
  headers: Record<string, string> = {},
): void {
  const body = JSON.stringify(value, undefined, 2);
  res.writeHead(status, {
    'content-type': 'application/json; charset=UTF-8',
    'content-length': String(Buffer.byteLength(body)),
    ...headers,
  });
  res.end(body);
}

function xmlText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

export function sendRefusal(res: ServerResponse, refusal: Refusal, shape: RefusalShape): void {
  const { status, reason, message, headers } = refusal;
  if (status === 304) {
    res.writeHead(304, headers).end();
  } else if (shape === 'json') {
    sendJson(
      res,
      status,
      { error: { code: status, message, errors: [{ message, domain: 'global', reason }] } },
      { ...headers },
    );
  } else if (shape === 'text') {
    res.writeHead(status, { 'content-type': 'text/html; charset=UTF-8', ...headers }).end(message);
  } else {
    res
      .writeHead(status, { 'content-type': 'application/xml; charset=UTF-8', ...headers })
      .end(
        `<?xml version='1.0' encoding='UTF-8'?><Error><Code>${reason}</Code><Message>${xmlText(message)}</Message></Error>`,
      );
  }
}
