/** A move on S3 is a copy and a delete; whatever fails of it is told as the move that was asked for. */
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { StorageService } from '../../lib/index.js';
import { failure, MIB, startService, type Answer, type Sent, type Service } from './s3-rig.js';

let service: Service;
let answer: (request: Sent) => Answer | undefined;
let storage: StorageService;

beforeEach(async () => {
  answer = () => undefined;
  service = await startService((request) => answer(request));
  const endpoint = `http://s3.example.com:${service.port}`;
  storage = new StorageService(
    service.backend({ dialect: 'aws', endpoint, region: 'us-east-1', pathStyle: true, copyLimit: 5 * MIB }),
  );
});

afterEach(() => service.close());

const isCopy = ({ headers }: Sent) => 'x-amz-copy-source' in headers;
const sized = (size: number): Answer => ({ headers: { etag: '"v1"', 'content-length': String(size) } });

it('looks once, copies, and deletes the old key', async () => {
  answer = (request) => {
    if (isCopy(request)) return { body: '<CopyObjectResult><ETag>"v1"</ETag></CopyObjectResult>' };
    return request.method === 'HEAD' ? sized(3) : undefined;
  };
  await expect(storage.move('old', 'new')).resolves.toMatchObject({ key: 'new', size: 3, etag: 'v1' });
  const steps = service.sent.map(({ method, path }) => `${method} ${path.split('?')[0]}`);
  expect(steps).toEqual(['HEAD /bucket/old', 'PUT /bucket/new', 'DELETE /bucket/old']);
});

it.each([
  ['a missing source', ({ method }: Sent) => (method === 'HEAD' ? { status: 404 } : undefined), 'not-found', 'old'],
  [
    'a target that may not be written',
    (request: Sent) => (isCopy(request) ? failure(403, 'AccessDenied') : sized(3)),
    'permission-denied',
    'new',
  ],
  [
    'a part that cannot be copied',
    (request: Sent) => {
      if (isCopy(request)) return failure(503, 'SlowDown');
      return request.method === 'HEAD' ? sized(6 * MIB) : undefined;
    },
    'unavailable',
    'new',
  ],
  [
    'a source that changes with every look',
    (request: Sent) => (isCopy(request) ? failure(412, 'PreconditionFailed') : sized(3)),
    'unavailable',
    'old',
  ],
] as const)('%s fails as move', async (_case, told, code, key) => {
  answer = (request) => (request.path === '/bucket/' && request.method === 'HEAD' ? {} : told(request));
  await expect(storage.move('old', 'new')).rejects.toMatchObject({ operation: 'move', code, key });
  await expect(storage.copy('old', 'new')).rejects.toMatchObject({ operation: 'copy', code, key });
  expect(service.sent.some(({ method, path }) => method === 'DELETE' && path.includes('/old'))).toBe(false);
});

it('an old key that cannot be removed is told with what has become of the object', async () => {
  answer = (request) => {
    if (isCopy(request)) return { body: '<CopyObjectResult><ETag>"v1"</ETag></CopyObjectResult>' };
    return request.method === 'DELETE' ? failure(403, 'AccessDenied') : sized(3);
  };
  await expect(storage.move('old', 'new')).rejects.toMatchObject({
    operation: 'move',
    code: 'permission-denied',
    key: 'old',
    advice: expect.stringMatching(/under its new key already/),
  });
});

it('onto the same key only looks', async () => {
  answer = ({ method }) => (method === 'HEAD' ? sized(3) : undefined);
  await storage.move('same', 'same');
  expect(service.sent.map(({ method }) => method)).toEqual(['HEAD']);
  answer = ({ path }) => (path.includes('same') ? { status: 404 } : {});
  await expect(storage.move('same', 'same')).rejects.toMatchObject({ operation: 'move', code: 'not-found' });
});
