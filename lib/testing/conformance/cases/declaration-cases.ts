/** Cases: what a backend declares is something that the contract knows, and what it is handed it lets go of. */
import assert from 'node:assert/strict';
import { MAX_KEY_BYTES, type StorageCapabilities, type WriteConditions } from '../../../contract/index.js';
import { groupOf } from '../case-definition.js';
import { bytesOf } from '../content.js';

type Listed = 'createOnly' | 'ifMatch' | 'getUrl' | 'getUploadUrl';

// Records, not lists: a word that the contract learns cannot be forgotten here.
const WORDS: { readonly [Name in Listed]: Readonly<Record<StorageCapabilities[Name][number], true>> } = {
  createOnly: { single: true, multipart: true, copy: true },
  ifMatch: { single: true, multipart: true, copy: true },
  getUrl: { expiry: true, disposition: true, filename: true, contentType: true, transform: true },
  getUploadUrl: { expiry: true, contentType: true, size: true, maxSize: true, createOnly: true, metadata: true },
};

const LIMITS = ['maxKeyBytes', 'maxSegmentBytes', 'maxObjectBytes', 'maxMetadataBytes'] as const;

/** A body that remembers whether it was begun and how it was let go. */
function watched(bytes: Uint8Array) {
  const seen = { begun: false, left: false };
  const body = (async function* () {
    seen.begun = true;
    try {
      for (let turn = 0; turn < 8; turn++) yield bytes;
    } finally {
      seen.left = true;
    }
  })();
  return { seen, body };
}

export const declarationCases = groupOf('declaration', {
  'capabilities are words and limits that the contract knows': async (context) => {
    const { capabilities, backend } = context;
    assert.match(backend.name, /^[a-z0-9][a-z0-9-]*$/, 'a name is a short word for logs and health');
    for (const [name, words] of Object.entries(WORDS)) {
      const declared: readonly string[] = capabilities[name as Listed];
      assert.equal(new Set(declared).size, declared.length, `${name} says nothing twice`);
      for (const word of declared) assert.ok(Object.hasOwn(words, word), `${name}: ${word}`);
    }
    for (const name of LIMITS) {
      const limit = capabilities[name];
      assert.ok(limit === undefined || (Number.isSafeInteger(limit) && limit > 0), `${name}: ${limit}`);
    }
    assert.ok(capabilities.maxKeyBytes <= MAX_KEY_BYTES, 'no key is longer than the contract allows');
    assert.ok(['utf8', 'none'].includes(capabilities.ordering), 'ordering');
    assert.ok(['strong', 'eventual'].includes(capabilities.consistency), 'consistency');
    for (const name of ['hierarchical', 'emptyObjects', 'stagedReads'] as const) {
      assert.equal(typeof capabilities[name], 'boolean', name);
    }
  },

  'a driver lets go of a body that it does not read to its end': async (context) => {
    const key = context.key('taken');
    await context.put(key, 'taken');
    const refusals: readonly WriteConditions[] = [{ ifNoneMatch: '*' }, { ifMatch: 'conformance-absent-etag' }];
    for (const conditions of refusals) {
      const { seen, body } = watched(bytesOf(10_000, 'watched'));
      const options = { contentType: 'text/plain', metadata: {}, ...conditions };
      const work = context.backend.stage(key, body, options).then((staged) => staged.commit());
      await context.fails(work, ['already-exists', 'precondition-failed', 'not-supported'], { operation: 'put', key });
      assert.equal(seen.begun, seen.left, 'a body that was begun is ended or returned');
    }
    await context.holds(key, 'taken');
  },

  'a driver passes on the very error of a body': async (context) => {
    const key = context.key('kept');
    const { etag } = await context.put(key, 'kept');
    const error = new TypeError('the body broke');
    const options = { contentType: 'text/plain', metadata: {} };
    for (const before of [0, context.multipartBytes ?? 200_000]) {
      const body = async function* () {
        if (before > 0) yield bytesOf(before, 'broken');
        throw error;
      };
      const failure = await context.backend.stage(key, body(), options).then(
        () => 'staged',
        (reason: unknown) => reason,
      );
      assert.equal(failure, error, 'stage() rejects with what the body threw');
    }
    await context.holds(key, 'kept', { etag });
    await context.lists(['kept']);
  },
});
