/** What a store and the network answer, told by reason. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { toStorageError } from '../../lib/backends/s3/s3.errors.js';
import { StorageService } from '../../lib/index.js';
import { failure, MIB, startService, type Answer, type Sent, type Service } from './s3-rig.js';

const details = { operation: 'get' as const, backend: 's3', key: 'k' };

it.each([
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'unavailable', 'nobody that this machine trusts'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'unavailable', 'NODE_EXTRA_CA_CERTS'],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'unavailable', 'NODE_EXTRA_CA_CERTS'],
  ['CERT_HAS_EXPIRED', 'unavailable', 'not valid at this time'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'unavailable', 'one for other host names'],
  ['ECONNRESET', 'unavailable', 'broke'],
  ['EHOSTUNREACH', 'unavailable', 'no way'],
  ['ETIMEDOUT', 'timeout', 'in time'],
] as const)('%s on the way is %s', (code, expected, message) => {
  const cause = Object.assign(new Error('of Node'), { code });
  const told = { code: expected, message: expect.stringContaining(message), cause };
  expect(toStorageError(cause, { details })).toMatchObject(told);
  // As the SDK's own handler names some of them, whatever they are.
  if (code === 'ECONNRESET') cause.name = 'TimeoutError';
  expect(toStorageError(cause, { details })).toMatchObject(told);
});

describe('answers', () => {
  let service: Service;
  let answer: (request: Sent) => Answer | undefined;
  let storage: StorageService;

  beforeEach(async () => {
    answer = () => undefined;
    service = await startService((request) => answer(request));
    const endpoint = `http://minio.example.com:${service.port}`;
    storage = new StorageService(service.backend({ endpoint, partSize: 5 * MIB }));
  });

  afterEach(() => service.close());

  it('an upload that is gone when a part comes is no missing file', async () => {
    answer = ({ path }) => (path.includes('partNumber=') ? failure(404, 'NoSuchUpload') : undefined);
    const put = storage.put('k', Buffer.alloc(6 * MIB), { url: false });
    await expect(put).rejects.toMatchObject({ code: 'unavailable', message: expect.stringMatching(/is gone.*swept/) });
  });

  it('an upload that is gone when it is completed is no missing file', async () => {
    answer = ({ method, path }) =>
      method === 'POST' && path.includes('uploadId=') ? failure(404, 'NoSuchUpload') : undefined;
    const put = storage.put('k', Buffer.alloc(6 * MIB), { url: false });
    await expect(put).rejects.toMatchObject({ code: 'unavailable', message: expect.stringMatching(/is gone.*swept/) });
  });

  it('a full quota of MinIO is a full quota', async () => {
    answer = () => failure(400, 'XMinioAdminBucketQuotaExceeded');
    await expect(storage.put('k', 'x', { url: false })).rejects.toMatchObject({ code: 'quota-exceeded' });
  });

  it('a 400 without a reason is told with what it likely is, since an answer to HEAD has no room for one', async () => {
    answer = () => ({ status: 400 });
    const likely = {
      code: 'permission-denied',
      message: expect.stringMatching(/did not say why.*credentials that have expired.*region/),
    };
    await expect(storage.exists('k')).rejects.toMatchObject(likely);
    await expect(storage.getUrl('k')).rejects.toMatchObject(likely);
    await expect(storage.checkHealth()).rejects.toMatchObject(likely);
  });

  it('a 400 with a reason is told by that', async () => {
    answer = () => failure(400, 'ExpiredToken');
    await expect(storage.get('k')).rejects.toMatchObject({
      code: 'permission-denied',
      message: expect.stringContaining('the temporary credentials have expired'),
    });
    answer = () => failure(400, 'MalformedXML');
    await expect(storage.get('k')).rejects.toMatchObject({
      message: expect.stringContaining('the store refused the request'),
      cause: expect.objectContaining({ name: 'MalformedXML' }),
    });
  });
});
