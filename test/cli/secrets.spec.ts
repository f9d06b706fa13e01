/** What the command line never says: secrets of every storage of the environment, whole or in part. */
import { describe, expect, it } from '@jest/globals';
import { masked } from '../../lib/cli/secrets.js';

const line = 'MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj';
const environment = {
  STORAGE_S3_SECRET_KEY: 'sec/ret+key',
  STORAGE_OLD_S3_SECRET_KEY: 'sec/ret+key-of-another',
  STORAGE_OLD_S3_ACCESS_KEY: 'AKIAIOSFODNN7EXAMPLE',
  FILES_URL_SECRET: 'first-of-two-secrets, second-of-two-secrets',
  STORAGE_CLOUD_GCS_CREDENTIALS: JSON.stringify({ private_key: `-----BEGIN-----\n${line}\n-----END-----\n` }),
  AWS_SECRET_ACCESS_KEY: 'shared-by-all-of-them',
  STORAGE_BASE_PATH: '/data/uploads',
};

describe('what is masked', () => {
  it.each([
    ['a secret', 'sec/ret+key', '****'],
    ['the longer of two', 'sec/ret+key-of-another', '****'],
    ['one that is encoded for a URL', 'sec%2Fret%2Bkey', '****'],
    ['an access key', 'AKIAIOSFODNN7EXAMPLE', '****'],
    ['one of a list', 'second-of-two-secrets', '****'],
    ['a line of a private key', line, '****'],
    ['one without a prefix', 'shared-by-all-of-them', '****'],
    ['a signature', 'https://a.example/k?X-Amz-Signature=0123', 'https://a.example/k?****'],
    ['who is let in', 'https://user:word@a.example/', 'https://****@a.example/'],
    ['nothing else', '/data/uploads "what?.txt"', '/data/uploads "what?.txt"'],
  ])('is %s', (_what, text, shown) => {
    expect(masked(`told: ${text} of it`, environment)).toBe(`told: ${shown} of it`);
  });
});
