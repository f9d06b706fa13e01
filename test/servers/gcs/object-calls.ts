/** JSON calls on one object: read, describe, change the description, delete. */
import type { Call, Query } from './call.js';
import type { ServerContext } from './context.js';
import { badRequest, noSuchObject, sendJson } from './errors.js';
import type { MediaFault } from './faults.js';
import { sendMedia } from './media.js';
import type { LiveObject } from './object-store.js';
import { givenResource, resourceOf } from './object-resource.js';
import { assertFields, OBJECT, partial } from './partial-answer.js';
import { assertPreconditions, checkedInteger, TARGET_CONDITIONS } from './preconditions.js';

const READ_PARAMETERS = ['generation', 'projection', ...TARGET_CONDITIONS];

/** Live object of the asked generation, conditions held. */
function target(context: ServerContext, bucket: string, name: string, query: Query, reading: boolean): LiveObject {
  const object = context.store.find(bucket, name);
  const { generation } = query;
  if (generation !== undefined && object && checkedInteger('generation', generation) !== object.generation) {
    throw noSuchObject(bucket, name);
  }
  // Conditions speak first where there is no object: that is what tells a writer "somebody deleted it".
  if (!object) {
    if (!reading && query.ifGenerationMatch !== undefined) assertPreconditions(undefined, query, reading);
    throw noSuchObject(bucket, name);
  }
  assertPreconditions(object, query, reading);
  return object;
}

export async function getObject(
  context: ServerContext,
  call: Call,
  bucket: string,
  name: string,
  fault?: MediaFault,
): Promise<void> {
  const query = call.query(READ_PARAMETERS);
  const object = target(context, bucket, name, query, true);
  if (query.alt === 'media') return sendMedia(call, object, {}, fault);
  sendJson(call.res, 200, partial(resourceOf(object, context.origin), query.fields, OBJECT));
}

export async function patchObject(context: ServerContext, call: Call, bucket: string, name: string): Promise<void> {
  const query = call.query([...READ_PARAMETERS, 'predefinedAcl']);
  assertFields(query.fields, OBJECT);
  if (query.predefinedAcl !== undefined) throw badRequest('Cannot use predefined ACLs with uniform access.');
  const { fields } = givenResource(await call.jsonBody());
  const object = target(context, bucket, name, query, false);
  object.fields = { ...object.fields, ...fields };
  object.metageneration += 1n;
  object.updated = context.now();
  sendJson(call.res, 200, partial(resourceOf(object, context.origin), query.fields, OBJECT));
}

export async function deleteObject(context: ServerContext, call: Call, bucket: string, name: string): Promise<void> {
  const query = call.query(['generation', ...TARGET_CONDITIONS]);
  context.store.remove(target(context, bucket, name, query, false));
  call.res.writeHead(204).end();
}
