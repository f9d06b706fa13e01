/** Copies inside the store: which condition failed, answers that were lost, and what a copy takes along. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { WRITE_MARK } from '../../lib/backends/s3/s3.metadata.js';
import type { S3BackendOptions } from '../../lib/backends/s3/index.js';
import { StorageService } from '../../lib/index.js';
import { MIB, startService, type Answer, type Sent, type Service } from './s3-rig.js';

let service: Service;
let answer: (request: Sent) => Answer | undefined;

beforeEach(async () => {
  answer = () => undefined;
  service = await startService((request) => answer(request));
});

afterEach(() => service.close());

function storageWith(options: Partial<S3BackendOptions> = {}): StorageService {
  const endpoint = `http://s3.example.com:${service.port}`;
  return new StorageService(
    service.backend({ dialect: 'aws', endpoint, region: 'us-east-1', pathStyle: true, ...options }),
  );
}

const isCopy = ({ headers }: Sent) => 'x-amz-copy-source' in headers;
const isLookAt = (key: string, { method, path }: Sent) => method === 'HEAD' && path === `/bucket/${key}`;
const source = (etag: string, more: Readonly<Record<string, string>> = {}): Answer => ({
  headers: { etag: `"${etag}"`, 'content-length': '3', 'last-modified': 'Fri, 01 Jan 2027 00:00:00 GMT', ...more },
});
const copied: Answer = { body: '<CopyObjectResult><ETag>"made"</ETag></CopyObjectResult>' };
/** As AWS answers it. */
const failed = (condition: string): Answer => ({
  status: 412,
  body: `<Error><Code>PreconditionFailed</Code><Condition>${condition}</Condition></Error>`,
});

describe('a conditional copy', () => {
  it('is tried again when the source changed between the look and the copy', async () => {
    const etags = ['v1', 'v2'];
    answer = (request) => {
      if (isLookAt('old', request)) return source(etags.shift()!);
      if (!isCopy(request)) return undefined;
      return request.headers['x-amz-copy-source-if-match'] === '"v2"' ? copied : failed('x-amz-copy-source-If-Match');
    };
    const file = await storageWith().copy('old', 'new', { ifNoneMatch: '*' });
    expect(file.etag).toBe('made');
    expect(service.sent.filter(isCopy)).toHaveLength(2);
  });

  it.each([
    [{ ifNoneMatch: '*' as const }, 'If-None-Match', 'already-exists'],
    [{ ifMatch: 'tag' }, 'If-Match', 'precondition-failed'],
  ])('with %j is refused for what the target is', async (options, condition, code) => {
    answer = (request) => (isCopy(request) ? failed(condition) : source('v1'));
    await expect(storageWith().copy('old', 'new', options)).rejects.toMatchObject({ code, key: 'new' });
    expect(service.sent.filter(isCopy)).toHaveLength(1);
  });

  it('carries all facts of its source with the mark of the write', async () => {
    const facts = {
      'content-type': 'text/plain',
      'cache-control': 'no-store',
      'content-disposition': 'inline',
      'content-encoding': 'gzip',
      'content-language': 'de',
      expires: 'Sat, 02 Jan 2027 00:00:00 GMT',
      'x-amz-meta-title': '=?UTF-8?B?bmHDr3Zl?=',
    };
    answer = (request) => (isCopy(request) ? copied : source('v1', facts));
    await storageWith().copy('old', 'new', { ifNoneMatch: '*' });
    const { headers } = service.sent.find(isCopy)!;
    expect(headers).toMatchObject({ ...facts, 'x-amz-metadata-directive': 'REPLACE' });
    expect(headers[`x-amz-meta-${WRITE_MARK}`]).toMatch(/^\S+$/);
  });

  /** The first answer is lost with the connection or as a 500, after the store has done its work. */
  function losingTheFirst(mark: (sent: string) => string): (request: Sent) => Answer | undefined {
    let copies = 0;
    let made = '';
    return (request) => {
      if (isCopy(request)) {
        if (copies++ > 0) return failed('If-None-Match');
        made = mark(String(request.headers[`x-amz-meta-${WRITE_MARK}`]));
        return { status: 500 };
      }
      return isLookAt('new', request) ? source('made', { [`x-amz-meta-${WRITE_MARK}`]: made }) : source('v1');
    };
  }

  it('knows its own object when the answer was lost', async () => {
    answer = losingTheFirst((sent) => sent);
    const file = await storageWith({ maxAttempts: 3 }).copy('old', 'new', { ifNoneMatch: '*' });
    expect(file).toMatchObject({ key: 'new', etag: 'made', metadata: {} });
    expect(service.sent.filter(isCopy)).toHaveLength(2);
  });

  it("does not take another writer's object for its own", async () => {
    answer = losingTheFirst(() => 'another');
    const copy = storageWith({ maxAttempts: 3 }).copy('old', 'new', { ifNoneMatch: '*' });
    await expect(copy).rejects.toMatchObject({ code: 'already-exists' });
  });

  it('that was never answered is settled by a look too', async () => {
    answer = losingTheFirst((sent) => sent);
    await expect(storageWith({ maxAttempts: 1 }).copy('old', 'new', { ifMatch: 'old' })).resolves.toMatchObject({
      etag: 'made',
    });
  });
});

describe('a copy in parts', () => {
  const large = (headers: Readonly<Record<string, string>> = {}) =>
    source('v1', { ...headers, 'content-length': `${6 * MIB}` });
  const begun = () => service.sent.find(({ method, path }) => method === 'POST' && path.includes('uploads'))!.headers;
  const answerWith = (tagging: Answer) => (request: Sent) => {
    if (isCopy(request)) return { body: '<CopyPartResult><ETag>"p"</ETag></CopyPartResult>' };
    if (request.method === 'GET' && request.path.includes('tagging')) return tagging;
    return request.method === 'HEAD' ? large({ 'content-encoding': 'gzip', 'content-language': 'de' }) : undefined;
  };

  it('keeps tags and facts of its source, as a copy in one request does', async () => {
    const tag = (name: string, value: string) => `<Tag><Key>${name}</Key><Value>${value}</Value></Tag>`;
    answer = answerWith({ body: `<Tagging><TagSet>${tag('team', 'a b')}${tag('x', '1=2')}</TagSet></Tagging>` });
    await storageWith({ copyLimit: 5 * MIB, tags: { team: 'of the storage' } }).copy('old', 'new');
    expect(begun()).toMatchObject({
      'x-amz-tagging': 'team=a%20b&x=1%3D2',
      'content-encoding': 'gzip',
      'content-language': 'de',
    });
  });

  it.each([403, 404, 501])('has no tags where the store answers %d to the question for them', async (status) => {
    answer = answerWith({ status });
    await storageWith({ copyLimit: 5 * MIB, tags: { team: 'of the storage' } }).copy('old', 'new');
    expect(begun()['x-amz-tagging']).toBeUndefined();
  });

  it('begins where one request would be silent for long', async () => {
    answer = (request) => {
      if (isCopy(request)) return { body: '<CopyPartResult><ETag>"p"</ETag></CopyPartResult>' };
      return request.method === 'HEAD' ? source('v1', { 'content-length': `${257 * MIB}` }) : undefined;
    };
    await storageWith().copy('old', 'new');
    const ranges = service.sent.filter(isCopy).map(({ headers }) => headers['x-amz-copy-source-range']);
    expect(ranges).toHaveLength(5);
    expect(ranges).toContain(`bytes=${256 * MIB}-${257 * MIB - 1}`);
  });
});
