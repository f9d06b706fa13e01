/** What the contract server refuses, so that a client which sends it cannot pass its tests. Counted. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startCloudinaryServer, type CloudinaryServer } from '../../servers/cloudinary/server.js';
import { nowSeconds, Requests, type Told } from './signed-request.js';

const MIB = 1024 * 1024;
const PNG = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex');
const TXT = 'files/a.txt';

let server: CloudinaryServer;
let to: Requests;

beforeAll(async () => {
  server = await startCloudinaryServer({ maxFileBytes: 11 * MIB });
  to = new Requests(server);
  expect(await to.upload({})).toMatchObject({ status: 200 });
  expect(await to.upload({ public_id: 'files/b.txt' })).toMatchObject({ status: 200 });
  const image = { public_id: 'files/i_2epng', type: 'authenticated' };
  expect(await to.post('image/upload', image, { file: PNG })).toMatchObject({ status: 200 });
});

afterAll(() => server.close());

const flipped = (text: string) => (text.startsWith('a') ? 'b' : 'a') + text.slice(1);
const chunk = (range: string, id = 'upload-1') => ({ 'content-range': range, 'x-unique-upload-id': id });
const part = (size: number, range: string, id: string) =>
  to.upload({ public_id: `files/${id}` }, Buffer.alloc(size), { headers: chunk(range, id) });

/** [what is wrong, status, a word of the reason, request] */
const WRONG: readonly (readonly [string, number, RegExp, () => Promise<Told>])[] = [
  [
    'a signature off by a byte',
    401,
    /Invalid Signature/,
    () => to.upload({}, undefined, { change: (f) => ({ ...f, signature: flipped(f.signature!) }) }),
  ],
  [
    'no signature',
    401,
    /signature/,
    () => to.upload({}, undefined, { change: ({ signature: _gone, ...rest }) => rest }),
  ],
  ['no API key', 401, /api_key/, () => to.upload({}, undefined, { change: ({ api_key: _gone, ...rest }) => rest })],
  [
    'an unknown API key',
    401,
    /Unknown API key/,
    () => to.upload({}, undefined, { change: (f) => ({ ...f, api_key: '1' }) }),
  ],
  [
    'a parameter changed after signing',
    401,
    /Invalid Signature/,
    () => to.upload({}, undefined, { change: (f) => ({ ...f, public_id: 'files/other.txt' }) }),
  ],
  [
    'a parameter added after signing',
    401,
    /Invalid Signature/,
    () => to.upload({}, undefined, { change: (f) => ({ ...f, overwrite: '0' }) }),
  ],
  [
    'a parameter smuggled in by an ampersand',
    401,
    /Invalid Signature/,
    () => to.upload({ context: 'a=1&tags=x' }, undefined, { change: (f) => ({ ...f, context: 'a=1', tags: 'x' }) }),
  ],
  ['a timestamp of two hours ago', 400, /Stale/, () => to.upload({ timestamp: String(nowSeconds() - 7200) })],
  ['a timestamp in two hours', 400, /future/, () => to.upload({ timestamp: String(nowSeconds() + 7200) })],
  ['a timestamp that is none', 400, /timestamp/, () => to.upload({ timestamp: 'today' })],
  ['an unknown parameter', 400, /Unknown parameter colour/, () => to.upload({ colour: 'red' })],
  ['a flag that is neither true nor false', 400, /overwrite/, () => to.upload({ overwrite: 'perhaps' })],
  ['an unknown resource type', 400, /resource type/, () => to.post('text/upload', { public_id: 'a' })],
  ['an unknown delivery type', 400, /Invalid type/, () => to.upload({ type: 'secret' })],
  ['an unknown action', 404, /Unknown action/, () => to.post('raw/replace', { public_id: 'a' })],
  [
    'the wrong method',
    404,
    /Unknown request|Unknown path|Invalid|Authorization/,
    () => to.admin('resources/raw/authenticated/x', undefined, { method: 'PUT' }),
  ],
  ['another cloud', 401, /cloud_name/, () => to.get(`${server.apiUrl}/v1_1/other/ping`)],
  ['another API version', 404, /version/, () => to.get(`${server.apiUrl}/v9/contract-cloud/ping`)],
  [
    'a body that is no form',
    400,
    /multipart/,
    () => to.get(`${server.apiUrl}/v1_1/contract-cloud/raw/upload`, { method: 'POST', body: '{}' }),
  ],
  ['no public ID', 400, /public_id/, () => to.upload({ public_id: '' })],
  ['a public ID of 256 characters', 400, /too long/, () => to.upload({ public_id: `f/${'a'.repeat(254)}` })],
  ['a forbidden character in a public ID', 400, /forbidden/, () => to.upload({ public_id: 'files/a%20b' })],
  ['a character in a public ID that would be replaced', 400, /replaced/, () => to.upload({ public_id: 'files/a b' })],
  ['a public ID that would be trimmed', 400, /trimmed/, () => to.upload({ public_id: 'files/a_' })],
  ['a folder that looks like a version', 400, /version/, () => to.upload({ public_id: 'v12/a' })],
  ['an empty folder', 400, /empty folder/, () => to.upload({ public_id: 'files//a' })],
  ['no file', 400, /file/, () => to.post('raw/upload', { public_id: TXT, type: 'authenticated' })],
  ['an empty file', 400, /Empty file/, () => to.upload({}, Buffer.alloc(0))],
  ['a file over the limit of the plan', 400, /File size too large/, () => to.upload({}, Buffer.alloc(11 * MIB + 1))],
  [
    'bytes that are no image, as an image',
    400,
    /Invalid image file/,
    () => to.post('image/upload', { public_id: 'files/x' }, { file: Buffer.from('text') }),
  ],
  [
    'bytes that are no video, as a video',
    400,
    /Unsupported video/,
    () => to.post('video/upload', { public_id: 'files/x' }, { file: PNG }),
  ],
  ['an empty context value', 400, /empty/, () => to.upload({ context: 'a=' })],
  ['an unescaped "=" in a context value', 400, /context pair/, () => to.upload({ context: 'a=b=c' })],
  ['a control character in a context value', 400, /control/, () => to.upload({ context: 'a=b\u0007' })],
  ['a context value of 1,025 characters', 400, /too long/, () => to.upload({ context: `a=${'v'.repeat(1025)}` })],
  [
    'a first chunk that does not start at 0',
    400,
    /Expected a chunk at 0/,
    () => part(5 * MIB, `bytes 5-${5 * MIB + 4}/-1`, 'late'),
  ],
  [
    'a second chunk at the wrong offset',
    400,
    /Expected a chunk at 5242880/,
    async () => {
      expect(await part(5 * MIB, `bytes 0-${5 * MIB - 1}/-1`, 'gap')).toMatchObject({ status: 200 });
      return part(10, `bytes ${5 * MIB + 1}-${5 * MIB + 10}/${5 * MIB + 11}`, 'gap');
    },
  ],
  ['a chunk that is not as long as it says', 400, /is not of/, () => part(10, 'bytes 0-19/20', 'short')],
  ['a chunk under 5 MiB that is not the last', 400, /larger than 5mb/, () => part(10, 'bytes 0-9/-1', 'small')],
  ['a last chunk that ends after the total', 400, /ends after/, () => part(10, 'bytes 0-9/5', 'over')],
  [
    'a chunk without an upload ID',
    400,
    /X-Unique-Upload-Id/,
    () => to.upload({}, undefined, { headers: { 'content-range': 'bytes 0-2/3' } }),
  ],
  ['a content range that is none', 400, /Content-Range/, () => part(10, 'bytes 0-9/*', 'star')],
  [
    'a rename of what is not there',
    404,
    /not found/,
    () => to.post('raw/rename', { type: 'authenticated', from_public_id: 'files/none', to_public_id: 'files/x' }),
  ],
  [
    'a rename onto another without overwrite',
    400,
    /already exists/,
    () => to.post('raw/rename', { type: 'authenticated', from_public_id: TXT, to_public_id: 'files/b.txt' }),
  ],
  [
    'a rename without a target',
    400,
    /to_public_id/,
    () => to.post('raw/rename', { type: 'authenticated', from_public_id: TXT }),
  ],
  [
    'a destroy with a wrong signature',
    401,
    /Invalid Signature/,
    () => to.post('raw/destroy', { public_id: TXT }, { change: (f) => ({ ...f, type: 'authenticated' }) }),
  ],
  ['the Admin API without credentials', 401, /Authorization/, () => to.admin('ping', null)],
  [
    'the Admin API with another secret',
    401,
    /mismatch/,
    () => to.admin('ping', `Basic ${Buffer.from('874837483274837:other').toString('base64')}`),
  ],
  ['details of what is not there', 404, /not found/, () => to.admin('resources/raw/authenticated/files%2Fnone')],
  ['details of another type', 404, /not found/, () => to.admin('resources/raw/upload/files%2Fa.txt')],
  [
    'a listing with an unknown parameter',
    400,
    /Unknown parameter/,
    () => to.admin('resources/raw/authenticated?order=asc'),
  ],
  ['a listing of 501', 400, /max_results/, () => to.admin('resources/raw/authenticated?max_results=501')],
  [
    'a listing with a foreign cursor',
    400,
    /next_cursor/,
    () => to.admin('resources/raw/authenticated?next_cursor=abc'),
  ],
  [
    'a deletion of nothing',
    400,
    /public_ids/,
    () => to.admin('resources/raw/authenticated', undefined, { method: 'DELETE', body: '' }),
  ],
  [
    'a deletion of 101',
    400,
    /Too many/,
    () => {
      const body = Array.from({ length: 101 }, (_, at) => `public_ids[]=x${at}`).join('&');
      return to.admin('resources/raw/authenticated', undefined, { method: 'DELETE', body });
    },
  ],
  [
    'delivery without a signature',
    401,
    /signature is required/,
    () => to.get(`${server.deliveryUrl}/raw/authenticated/v1/${TXT}`),
  ],
  [
    'delivery with a signature off by a character',
    401,
    /Invalid signature/,
    () =>
      to.get(
        to.delivery('raw/authenticated', '', TXT).replace(/s--(.)/, (_, char) => `s--${char === 'A' ? 'B' : 'A'}`),
      ),
  ],
  [
    'delivery of another file under a signature',
    401,
    /Invalid signature/,
    () => to.get(to.delivery('raw/authenticated', '', TXT).replace('a.txt', 'b.txt')),
  ],
  [
    'delivery without a version',
    400,
    /delivery path/,
    () => to.get(to.delivery('raw/authenticated', '', TXT).replace('/v1/', '/')),
  ],
  [
    'delivery with an unknown parameter',
    400,
    /Unknown parameter/,
    () => to.get(`${to.delivery('raw/authenticated', '', TXT)}?_a=X`),
  ],
  ['delivery of what is not there', 404, /not found/, () => to.get(to.delivery('raw/authenticated', '', 'files/none'))],
  [
    'a transformation of a raw file',
    400,
    /cannot be transformed/,
    () => to.get(to.delivery('raw/authenticated', 'w_10', TXT)),
  ],
  [
    'a transformation that does not exist',
    400,
    /Invalid transformation/,
    () => to.get(to.delivery('image/authenticated', 'w_ten', 'files/i_2epng')),
  ],
  [
    'a transformation changed after signing',
    401,
    /Invalid signature/,
    () => to.get(to.delivery('image/authenticated', 'w_10', 'files/i_2epng').replace('w_10', 'w_11')),
  ],
  [
    'an auth token that has expired',
    401,
    /expired/,
    () => to.get(to.token('image/authenticated/v1/files/i_2epng', nowSeconds() - 1)),
  ],
  [
    'an auth token for another path',
    401,
    /Invalid auth token/,
    () => to.get(to.token('image/authenticated/v1/files/i_2epng', nowSeconds() + 60, 'image/authenticated/v1/files/o')),
  ],
  [
    'an auth token with its expiry moved',
    401,
    /Invalid auth token/,
    () => {
      const expiry = nowSeconds() + 60;
      return to.get(to.token('image/authenticated/v1/files/i_2epng', expiry).replace(`${expiry}`, `${expiry + 60}`));
    },
  ],
  ['a download that has expired', 401, /expired/, () => to.get(to.download({ expires_at: String(nowSeconds() - 1) }))],
  [
    'a download with its expiry moved',
    401,
    /Invalid Signature/,
    () => to.get(to.download({}, (f) => ({ ...f, expires_at: String(nowSeconds() + 9999) }))),
  ],
  [
    'a download of another file',
    401,
    /Invalid Signature/,
    () => to.get(to.download({}, (f) => ({ ...f, public_id: 'files/b.txt' }))),
  ],
  ['a download with an unknown parameter', 400, /Unknown parameter/, () => to.get(`${to.download({})}&filename=x`)],
  ['a download of a raw file with a format', 400, /format/, () => to.get(to.download({ format: 'txt' }))],
  [
    'a download of an image in another format',
    400,
    /format of this file is png/,
    () => to.get(to.download({ public_id: 'files/i_2epng', format: 'jpg' }, undefined, 'image')),
  ],
  [
    'a download of an image without a format',
    400,
    /format of this file is png/,
    () => to.get(to.download({ public_id: 'files/i_2epng' }, undefined, 'image')),
  ],
  ['a download with a repeated parameter', 400, /twice/, () => to.get(`${to.download({})}&type=authenticated`)],
];

describe('the contract server for Cloudinary', () => {
  it('answers the right request of each kind', async () => {
    for (const told of [
      await to.upload({ context: 'a=b\\=c\\|d|e=f', overwrite: 'true' }),
      await to.admin('ping'),
      await to.admin('resources/raw/authenticated/files%2Fa.txt'),
      await to.admin('resources/raw/authenticated?prefix=files%2F&max_results=500&context=true'),
      await to.get(to.delivery('raw/authenticated', '', TXT)),
      await to.get(to.delivery('image/authenticated', 'c_fill,h_10,w_10', 'files/i_2epng')),
      await to.get(to.token('image/authenticated/v1/files/i_2epng', nowSeconds() + 60)),
      await to.get(to.download({})),
      await to.get(to.download({ public_id: 'files/i_2epng', format: 'png' }, undefined, 'image')),
    ]) {
      expect(told).toMatchObject({ status: 200 });
    }
  });

  it.each(WRONG)('refuses %s with %i', async (_what, status, reason, send) => {
    const before = new Map([...server.account.assets].map(([name, asset]) => [name, asset.assetId]));
    const told = await send();
    expect(told).toEqual({ status, message: expect.stringMatching(reason) });
    const after = new Map([...server.account.assets].map(([name, asset]) => [name, asset.assetId]));
    expect(after).toEqual(before);
  });

  it('refuses more than the hourly number of Admin API calls with 420', async () => {
    const limited = await startCloudinaryServer({ adminLimit: 2 });
    try {
      const requests = new Requests(limited);
      const statuses = [await requests.admin('ping'), await requests.admin('ping'), await requests.admin('ping')];
      expect(statuses.map(({ status }) => status)).toEqual([200, 200, 420]);
    } finally {
      await limited.close();
    }
  });

  it('refuses at least 25 kinds of wrong requests', () => {
    const kinds = new Set(WRONG.map(([what]) => what)).size;
    process.stderr.write(`cloudinary contract server: ${kinds + 1} wrong requests refused\n`);
    expect(kinds + 1).toBeGreaterThanOrEqual(25);
  });
});
