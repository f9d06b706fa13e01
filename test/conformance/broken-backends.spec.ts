/** The conformance suite catches backends that break a promise: each by the cases that state it. */
import assert from 'node:assert/strict';
import { describe, expect, it } from '@jest/globals';
import { MemoryBackend } from '../../lib/backends/memory/memory.backend.js';
import { conformanceCases, type ConformanceHarness } from '../../lib/testing/index.js';
import { changed } from './broken/changes.js';
import { NAMERS } from './broken/namers.js';
import { READERS } from './broken/readers.js';
import { STAGERS } from './broken/stagers.js';
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

  it('has a name of its own for every case, and leaves nothing in a shared store', async () => {
    const backend = new MemoryBackend();
    const cases = conformanceCases({ name: 'shared', create: async () => ({ backend, close: async () => undefined }) });
    expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
    await Promise.all(cases.map((test) => test.run()));
    expect(await backend.list({ prefix: '', limit: 10 })).toEqual({ objects: [], prefixes: [] });
  });
});
