/** Signatures that Cloudinary publishes in its SDK's tests (cloudinary_npm, test/unit), by the server and by the SDK. */
import { afterAll, describe, expect, it } from '@jest/globals';
import { apiSignature, deliverySignature, textToSign, type Algorithm } from '../../servers/cloudinary/signatures.js';
import { SignedUrls } from '../../../lib/backends/cloudinary/signed-urls.js';
import { CloudinaryClient } from '../../../lib/backends/cloudinary/cloudinary-client.js';
import { checkedOptions } from '../../../lib/backends/cloudinary/cloudinary-options.js';
import { speakHttp } from './targets.js';

speakHttp();

interface RequestVector {
  readonly params: Readonly<Record<string, string | number>>;
  readonly secret: string;
  readonly algorithm: Algorithm;
  readonly signature: string;
}

interface UrlVector {
  readonly text: string;
  readonly secret: string;
  readonly algorithm: Algorithm;
  readonly signature: string;
}

const SECRET = 'hdcixPpR2iKERPwqvH6sHdK9cyac';
const USER = { cloud_name: 'dn6ot3ged', timestamp: 1568810420, username: 'user@cloudinary.com' };
const CALLBACK = 'https://fake.com/callback?a=1';
const STAMP = { cloud_name: 'dn6ot3ged', timestamp: 1568810420 };

// cloudinary_spec.js leaves cloud_name in what it signs: the signing function takes its parameters as they are.
const REQUESTS: readonly RequestVector[] = [
  { params: USER, secret: SECRET, algorithm: 'sha1', signature: '14c00ba6d0dfdedbc86b316847d95b9e6cd46d94' },
  {
    params: USER,
    secret: SECRET,
    algorithm: 'sha256',
    signature: '45ddaa4fa01f0c2826f32f669d2e4514faf275fe6df053f1a150e7beae58a3bd',
  },
  {
    params: { ...STAMP, notification_url: `${CALLBACK}&tags=hello,world` },
    secret: SECRET,
    algorithm: 'sha1',
    signature: '4fdf465dd89451cc1ed8ec5b3e314e8a51695704',
  },
  {
    params: { ...STAMP, notification_url: CALLBACK, tags: 'hello,world' },
    secret: SECRET,
    algorithm: 'sha1',
    signature: '7b4e3a539ff1fa6e6700c41b3a2ee77586a025f9',
  },
];

const URLS: readonly UrlVector[] = [
  { text: 'sample.jpg', secret: 'b', algorithm: 'sha1', signature: 'v2fTPYTu' },
  { text: 'sample.jpg', secret: 'b', algorithm: 'sha256', signature: '2hbrSMPO' },
  { text: 'sample.jpg', secret: 'b', algorithm: 'sha256', signature: '2hbrSMPOjj5BJ4xV7SgFbRDevFaQNUFf' },
];

let passed = 0;

afterAll(() => {
  process.stderr.write(`cloudinary signature vectors: ${passed} of ${REQUESTS.length + URLS.length} passed\n`);
});

const client = new CloudinaryClient(
  checkedOptions({ cloudName: 'test123', apiKey: '1234', apiSecret: 'b', signatureAlgorithm: 'sha1' }),
);

describe('published signatures', () => {
  it.each(REQUESTS)('of requests: $signature', async ({ params, secret, algorithm, signature }) => {
    // The function under test leaves cloud_name out, as the service does; under another name it sorts the same.
    const { cloud_name: cloud, ...rest } = params;
    const text = [
      `cloud_name=${cloud}`,
      textToSign(Object.entries(rest).map(([name, value]) => [name, String(value)])),
    ];
    expect(apiSignature(text.join('&'), secret, algorithm)).toBe(signature);
    const sdk = await client.sdk();
    const sign = sdk.utils.api_sign_request as unknown as (p: object, s: string, a: string) => string;
    expect(sign(params, secret, algorithm)).toBe(signature);
    passed++;
  });

  it.each(URLS)('of URLs: $signature', async ({ text, secret, algorithm, signature }) => {
    expect(deliverySignature(text, secret, algorithm, signature.length)).toBe(signature);
    const sdk = await client.sdk();
    const url = sdk.url(text, {
      cloud_name: 'test123',
      api_secret: secret,
      sign_url: true,
      signature_algorithm: algorithm,
      long_url_signature: signature.length === 32,
      secure: true,
      urlAnalytics: false,
    });
    expect(url).toBe(`https://res.cloudinary.com/test123/image/upload/s--${signature}--/sample.jpg`);
    passed++;
  });

  it('of the URLs that this backend makes are the same', async () => {
    for (const { algorithm, signature } of URLS.filter((vector) => vector.signature.length === 8)) {
      const options = { cloudName: 'test123', apiKey: '1234', apiSecret: 'b', signatureAlgorithm: algorithm };
      const urls = new SignedUrls(client, checkedOptions(options));
      const url = await urls.delivery({ resourceType: 'raw', publicId: 'sample.jpg' }, undefined, 7);
      expect(url).toBe(`https://res.cloudinary.com/test123/raw/authenticated/s--${signature}--/v7/sample.jpg`);
    }
  });
});
