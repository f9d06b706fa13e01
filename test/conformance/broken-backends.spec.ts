/** The conformance suite catches backends that break a promise: each by the cases that state it. */
import assert from 'node:assert/strict';
import { describe, expect, it } from '@jest/globals';
import { MemoryBackend } from '../../lib/backends/memory/memory.backend.js';
import { conformanceCases, registerConformance, type ConformanceHarness } from '../../lib/testing/index.js';
import { changed } from './broken/changes.js';
import { NAMERS } from './broken/namers.js';
import { READERS } from './broken/readers.js';
import { STAGERS } from './broken/stagers.js';
import { urlTarget, type UrlFault } from './broken/url-server.js';
import { WRITERS } from './broken/writers.js';

async function outcome(harness: ConformanceHarness, name: string): Promise<unknown> {
  const test = conformanceCases(harness).find((candidate) => candidate.name === name);
  assert.ok(test, `there is no case ${name}`);
  return test.run().then(
    () => 'passed',
    (error: unknown) => error,
  );
}

describe.each([
  ['writes', WRITERS],
  ['staging', STAGERS],
  ['reads', READERS],
  ['keys and listings', NAMERS],
])('the suite on broken %s', (_, backends) => {
  it.each(backends)('catches a backend that $what', async ({ what, make, caughtBy }) => {
    for (const name of caughtBy) {
      const harness = { name: what, create: async () => ({ backend: make(), close: async () => undefined }) };
      const error = await outcome(harness, name);
      // A crash of the mutant itself would prove nothing.
      expect([name, error]).not.toEqual([name, 'passed']);
      expect(error).not.toBeInstanceOf(TypeError);
    }
  });
});

/** What a server of signed URLs does wrong, and the cases that must fail over it. */
const URL_FAULTS: Readonly<Record<UrlFault, readonly string[]>> = {
  unsigned: [
    'a tampered URL is refused or grants exactly the same',
    'a tampered upload stores nothing under another key',
  ],
  eternal: ['signed URLs expire, for reading and for uploads'],
  'any method': ['a URL for reading does not write or delete'],
  'no ranges': ['a URL answers ranges with 206, and with 416 outside the object'],
  'other bytes': [
    'a URL gives the whole object with its type and length',
    'URLs of a scope serve the object below the prefix',
  ],
  'own type': [
    'a URL gives the whole object with its type and length',
    'a URL answers with another content type, where declared',
    'a URL answers HEAD where the harness says so',
  ],
  'latin names': ['a URL makes a download under any file name, where declared'],
  'any upload type': ['an upload of another type than bound is refused'],
  'any upload size': ['an upload of another size than bound is refused', 'an upload over the largest size is refused'],
  overwrites: ['a create-only upload is refused where the key is taken'],
  'forgets metadata': ['an upload stores the bound metadata and no other'],
  'cuts uploads': ['an upload stores the object, of any content type', 'an upload of megabytes arrives whole'],
};

describe('the suite on broken URLs', () => {
  const harness = (fault: UrlFault | undefined, reach: 'direct' | 'url' = 'direct'): ConformanceHarness => ({
    name: fault ?? 'sound',
    create: () => urlTarget(fault, reach),
    settings: { headOnUrls: true },
  });

  it.each(Object.entries(URL_FAULTS))('catches a server with the fault: %s', async (fault, names) => {
    for (const name of names) {
      const error = await outcome(harness(fault as UrlFault), name);
      expect([name, error]).not.toEqual([name, 'passed']);
      expect(error).not.toBeInstanceOf(TypeError);
    }
  });

  it('reads and writes through URLs where the harness says so', async () => {
    const name = 'takes a Uint8Array';
    for (const fault of ['other bytes', 'cuts uploads'] as const) {
      expect(await outcome(harness(fault), name)).toBe('passed');
      expect(await outcome(harness(fault, 'url'), name)).toBeInstanceOf(assert.AssertionError);
    }
  });

  it('finds nothing wrong with a sound server', async () => {
    const target = await urlTarget(undefined, 'url');
    const shared = { ...target, close: async () => undefined };
    const cases = conformanceCases({ name: 'sound', create: async () => shared, settings: { headOnUrls: true } });
    try {
      const failed: unknown[] = [];
      for (const test of cases) await test.run().catch((error: unknown) => failed.push([test.name, error]));
      expect(failed).toEqual([]);
    } finally {
      await target.close();
    }
  });
});

describe('the suite', () => {
  it('finds nothing wrong with the store that the broken ones are made of', async () => {
    const names = [...WRITERS, ...STAGERS, ...READERS, ...NAMERS].flatMap(({ caughtBy }) => caughtBy);
    const create = async () => ({ backend: changed(() => ({})), close: async () => undefined });
    for (const name of new Set(names)) expect(await outcome({ name: 'sound', create }, name)).toBe('passed');
  });

  it('catches reads that leave something open, where the harness can count', async () => {
    let open = 0;
    const create = async () => {
      const backend = changed((inner) => ({
        open: async (key, options) => {
          const opened = await inner.open(key, options);
          open++;
          opened.body.once('end', () => open--);
          return opened;
        },
      }));
      return { backend, openHandles: () => open, close: async () => undefined };
    };
    const error = await outcome({ name: 'leaking', create }, 'reads that are given up leave nothing open');
    expect(error).toHaveProperty('message', expect.stringMatching(/\d+ handles are left open/));
  });

  it('asks for a multipart size where a backend claims conditions for single writes alone', async () => {
    const create = async () => {
      const backend = changed(({ capabilities }) => ({ capabilities: { ...capabilities, createOnly: ['single'] } }));
      return { backend, close: async () => undefined };
    };
    const name = 'create-only in parts stores under a free key and keeps what is under a taken one';
    expect(await outcome({ name: 'unproven', create }, name)).toHaveProperty(
      'message',
      expect.stringContaining('the harness must give multipartBytes'),
    );
  });

  it('can be registered with a runner that has no hooks', async () => {
    const tests = new Map<string, () => Promise<void>>();
    let made = 0;
    let closed = 0;
    const create = async () => {
      made++;
      return { backend: new MemoryBackend(), close: async () => void closed++ };
    };
    registerConformance(
      { describe: (_, body) => body(), it: (name, body) => tests.set(name, body) },
      { name: 'bare', create },
    );
    expect(tests.size).toBe(conformanceCases({ name: 'bare', create }).length);
    for (const name of ['takes a Blob', 'changes the etag with every write']) await tests.get(name)!();
    expect([made, closed]).toEqual([2, 2]);
  });

  it('has a name of its own for every case, and leaves nothing in a shared store', async () => {
    const backend = new MemoryBackend();
    const cases = conformanceCases({ name: 'shared', create: async () => ({ backend, close: async () => undefined }) });
    expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
    await Promise.all(cases.map((test) => test.run()));
    expect(await backend.list({ prefix: '', limit: 10 })).toEqual({ objects: [], prefixes: [] });
  });
});
