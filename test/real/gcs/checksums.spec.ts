/** Bytes that change between the GCS driver and the service: never published, and never believed. */
import { describe, expect, it } from '@jest/globals';
import { backend, content, failure, KEY, pieces, put, read, server, TEXT, useServer } from './driver-bench.js';
import { BUCKET, CHUNK } from './gcs.js';

useServer();

const CHUNK_SENT = /^PUT .*upload_id=/;
const large = content(2 * CHUNK + 1000);

/** [what changes, when it is asked for, the upload] */
const CASES: readonly (readonly [string, RegExp, 'before' | 'staged', Buffer])[] = [
  ['of an upload in one request', /^POST .*uploadType=multipart/, 'before', content(1000)],
  ['of the first chunk', CHUNK_SENT, 'before', large],
  ['of the last chunk', CHUNK_SENT, 'staged', large],
];

describe.each(CASES)('a byte %s', (_title, request, when, bytes) => {
  const written = async (fault: 'corrupt-upload' | 'store-other-bytes') => {
    if (when === 'before') server.faults.next(request, fault);
    const staged = await backend.stage(KEY, pieces(bytes), TEXT);
    if (when === 'staged') server.faults.next(request, fault);
    return failure(staged.commit());
  };

  it('that changes on the way is refused by the service, and the old object stays', async () => {
    const { etag } = await put(Buffer.from('old'));
    expect((await written('corrupt-upload')).code).toBe('checksum-mismatch');
    expect((await backend.stat(KEY)).etag).toBe(etag);
    expect((await read()).toString()).toBe('old');
    expect(server.openSessions).toBe(0);
  });

  it('that the service itself changed and stored is found by its answer, and taken away', async () => {
    expect((await written('store-other-bytes')).code).toBe('checksum-mismatch');
    expect(server.names(BUCKET)).toEqual([]);
    expect(server.openSessions).toBe(0);
  });
});
