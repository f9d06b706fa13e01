/** Copies within the service, in steps with a token between them. */
import { randomUUID } from 'node:crypto';
import type { Call } from './call.js';
import type { ServerContext } from './context.js';
import { badRequest, noSuchObject, sendJson } from './errors.js';
import { checkedName, givenResource, resourceOf } from './object-resource.js';
import { assertFields, partial, REWRITE } from './partial-answer.js';
import { assertPreconditions, checkedInteger, SOURCE_CONDITIONS, TARGET_CONDITIONS } from './preconditions.js';

const PARAMETERS = [
  'sourceGeneration',
  'rewriteToken',
  'maxBytesRewrittenPerCall',
  'projection',
  ...TARGET_CONDITIONS,
  ...SOURCE_CONDITIONS,
];

interface Place {
  readonly bucket: string;
  readonly name: string;
}

interface Unfinished {
  /** Source generation and target that the token belongs to. */
  readonly of: string;
  readonly copied: number;
}

export class RewriteCalls {
  readonly #unfinished = new Map<string, Unfinished>();

  async answer(context: ServerContext, call: Call, source: Place, target: Place): Promise<void> {
    const query = call.query(PARAMETERS);
    assertFields(query.fields, REWRITE);
    const { fields: changes } = givenResource(await call.jsonBody());
    if (Object.keys(changes).length > 0 && changes.contentType === undefined) throw badRequest('Required', 'required');
    const name = checkedName(target.name);
    const object = context.store.find(source.bucket, source.name);
    const { sourceGeneration, rewriteToken } = query;
    const asked = sourceGeneration === undefined ? undefined : checkedInteger('sourceGeneration', sourceGeneration);
    if (!object || (asked !== undefined && asked !== object.generation)) throw noSuchObject(source.bucket, source.name);
    assertPreconditions(object, query, false, SOURCE_CONDITIONS);
    assertPreconditions(context.store.find(target.bucket, name), query, false);
    const { size } = object.bytes;
    const of = JSON.stringify([source, String(object.generation), target, changes]);
    const copied = (rewriteToken === undefined ? 0 : this.#resume(rewriteToken, of)) + this.#step(context, query);
    if (copied < size) {
      const token = randomUUID();
      this.#unfinished.set(token, { of, copied });
      const totals = { totalBytesRewritten: String(copied), objectSize: String(size) };
      sendJson(call.res, 200, { kind: 'storage#rewriteResponse', ...totals, done: false, rewriteToken: token });
      return;
    }
    const fields = Object.keys(changes).length > 0 ? changes : object.fields;
    const copy = context.store.publish(target.bucket, name, fields, object.bytes.copy());
    const answer = {
      kind: 'storage#rewriteResponse',
      totalBytesRewritten: String(size),
      objectSize: String(size),
      done: true,
      resource: resourceOf(copy, context.origin),
    };
    sendJson(call.res, 200, partial(answer, query.fields, REWRITE));
  }

  /** Tokens are for one next step of the same rewrite. */
  #resume(token: string, of: string): number {
    const found = this.#unfinished.get(token);
    if (!found || found.of !== of) throw badRequest('Invalid rewrite token.');
    this.#unfinished.delete(token);
    return found.copied;
  }

  #step(context: ServerContext, query: Readonly<Record<string, string>>): number {
    const { maxBytesRewrittenPerCall: most } = query;
    if (most === undefined) return context.rewriteStep;
    const bytes = Number(checkedInteger('maxBytesRewrittenPerCall', most));
    if (bytes === 0 || bytes % 1_048_576 !== 0)
      throw badRequest('maxBytesRewrittenPerCall must be a multiple of 1 MiB.');
    return Math.min(bytes, context.rewriteStep);
  }
}
