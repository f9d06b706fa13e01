/** Asks an address for any answer at all. By Node's own client, since fetch refuses ports that a store may have. */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { factsOf } from './failure-facts.js';

export interface KnockAnswer {
  readonly status: number;
  /** What the server thinks that the time is, in milliseconds; NaN where it does not say. */
  readonly date: number;
}

/** @throws errors of the network, as Node tells them */
export async function knock(origin: string, signal: AbortSignal): Promise<KnockAnswer> {
  const url = new URL(origin);
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const request = send(url, { method: 'HEAD', agent: false, signal }, resolve);
    request.on('error', reject);
    request.end();
  });
  answer.destroy();
  return { status: answer.statusCode ?? 0, date: Date.parse(answer.headers.date ?? '') };
}

export async function answers(origin: string, signal: AbortSignal): Promise<boolean> {
  try {
    await knock(origin, signal);
    return true;
  } catch {
    return false;
  }
}

/** Whether TLS is spoken there: an answer, a certificate that is not trusted, or an alert, which is of TLS itself. */
export async function speaksTls(origin: string, signal: AbortSignal): Promise<boolean> {
  try {
    await knock(origin.replace(/^http:/, 'https:'), signal);
    return true;
  } catch (error) {
    const { codes, text } = factsOf(error);
    return [...codes].some((code) => /CERT|SELF_SIGNED|LEAF_SIGNATURE/.test(code)) || /SSL alert number/.test(text);
  }
}
