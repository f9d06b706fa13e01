/** Signed requests, against the example that AWS publishes and against the signer of the SDK. */
import { hash } from 'node:crypto';
import { S3Client } from '@aws-sdk/client-s3';
import { describe, expect, it } from '@jest/globals';
import { RequestSigner } from '../../lib/backends/s3/request-signer.js';

const EMPTY = hash('sha256', '');

/** https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html */
const EXAMPLE = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' };
const HOST = 'examplebucket.s3.amazonaws.com';

it('has the signature of the published example', () => {
  const headers = { host: HOST, range: 'bytes=0-9', 'x-amz-content-sha256': EMPTY };
  const signer = new RequestSigner('us-east-1', 's3');
  const signed = signer.sign({ method: 'GET', path: '/test.txt', headers }, EXAMPLE, Date.UTC(2013, 4, 24));
  expect(signed).toEqual({
    ...headers,
    'x-amz-date': '20130524T000000Z',
    authorization:
      'AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, ' +
      'SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, ' +
      'Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
  });
});

describe('signs as the SDK does', () => {
  const requests: [string, { method: string; path: string; headers: Record<string, string> }][] = [
    ['a read', { method: 'GET', path: '/bucket/a/b%20%C3%BC.txt', headers: {} }],
    ['a read of a part', { method: 'GET', path: '/k', headers: { range: 'bytes=5-', 'if-match': '"abc"' } }],
    [
      'a write',
      {
        method: 'PUT',
        path: '/bucket/%E5%85%AC%E5%8F%B8%20%281%29.txt',
        headers: {
          'content-type': 'text/plain; charset=utf-8',
          'content-length': '5',
          'cache-control': 'public, max-age=60',
          'content-disposition': `attachment;  filename="a  b.txt"; filename*=UTF-8''a%20b.txt`,
          'if-none-match': '*',
          'content-md5': 'XUFAKrxLKna5cZ2REBfFkg==',
          'x-amz-content-sha256': 'UNSIGNED-PAYLOAD',
          'x-amz-meta-blanks': '  one \t two   three ',
          'x-amz-meta-tab': '\tone\ttwo',
          'x-amz-meta-other-blanks': '\u00a0one\u00a0\u00a0two\u00a0',
          'x-amz-meta-__proto__': 'x',
          'x-amz-meta-a-b': '=?UTF-8?B?w7w=?=',
          'x-amz-meta-a_b': '-',
          'x-amz-server-side-encryption': 'aws:kms',
          'x-amz-tagging': 'a=1&b=%20',
        },
      },
    ],
  ];
  const late = new Date(Date.UTC(2026, 10, 29, 23, 59, 59, 987));
  const credentials = [
    EXAMPLE,
    { ...EXAMPLE, sessionToken: 'a/long+token==' },
    { ...EXAMPLE, sessionToken: '' },
    { accessKeyId: 'other', secretAccessKey: 'schlüssel' },
  ];

  it.each(requests)('%s', async (_name, { method, path, headers }) => {
    // The same signer throughout: what it keeps of a day and of credentials must not outlast them.
    const signers = ['us-east-1', 'eu-central-1'].map((region) => [region, new RequestSigner(region, 's3')] as const);
    for (const date of [new Date(), late, new Date(late.getTime() + 1000)]) {
      for (const owner of credentials) {
        for (const [region, signer] of signers) {
          const all = { host: HOST, 'x-amz-content-sha256': EMPTY, ...headers };
          const client = new S3Client({ region, credentials: owner });
          const theirs = await client.config.signer({
            name: 'sigv4',
            signingName: 's3',
            signingRegion: region,
            properties: {},
          });
          const request = { method, path, protocol: 'https:', hostname: HOST, query: {}, headers: { ...all } };
          const expected = await theirs.sign(request as unknown as Parameters<typeof theirs.sign>[0], {
            signingDate: date,
            signingRegion: region,
            signingService: 's3',
          });
          expect(signer.sign({ method, path, headers: all }, owner, date.getTime())).toEqual(expected.headers);
          client.destroy();
        }
      }
    }
  });
});
