/** JSON calls on buckets, all with uniform access. */
import type { Call } from './call.js';
import type { ServerContext } from './context.js';
import { badRequest, Refusal, sendJson } from './errors.js';

function resource(name: string): Record<string, unknown> {
  return {
    kind: 'storage#bucket',
    id: name,
    name,
    location: 'US',
    storageClass: 'STANDARD',
    iamConfiguration: { uniformBucketLevelAccess: { enabled: true } },
  };
}

export async function createBucket(context: ServerContext, call: Call): Promise<void> {
  const { project } = call.query(['project', 'projection', 'enableObjectRetention']);
  if (!project) throw badRequest('Required parameter: project', 'required');
  const { name } = await call.jsonBody();
  if (typeof name !== 'string' || !/^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$/.test(name)) {
    throw badRequest(`Invalid bucket name: '${String(name)}'`);
  }
  if (!context.store.createBucket(name)) {
    throw new Refusal(
      409,
      'conflict',
      'Your previous request to create the named bucket succeeded and you already own it.',
    );
  }
  sendJson(call.res, 200, resource(name));
}

export function getBucket(context: ServerContext, call: Call, name: string): void {
  call.query(['projection']);
  context.store.bucket(name);
  sendJson(call.res, 200, resource(name));
}

export function deleteBucket(context: ServerContext, call: Call, name: string): void {
  call.query([]);
  if (!context.store.deleteBucket(name)) {
    throw new Refusal(409, 'conflict', 'The bucket you tried to delete is not empty.');
  }
  call.res.writeHead(204).end();
}
