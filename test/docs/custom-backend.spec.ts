/** The backend of docs/custom-backend.md keeps the contract, and the guide shows it as it is. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { registerConformance } from '../../lib/testing/index.js';
import { KeyValueBackend, type Entry } from './key-value.backend.js';

const ROOT = resolve(import.meta.dirname, '../..');

/** The code below the header comment. */
function codeOf(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8').replace(/^\/\*\*.*\*\/\n/, '');
}

describe('docs/custom-backend.md', () => {
  it('shows the code that is tested here', () => {
    const [, block] = /^```ts\n([\s\S]*?)^```$/m.exec(readFileSync(join(ROOT, 'docs/custom-backend.md'), 'utf8'))!;
    expect(block).toBe(codeOf('test/docs/key-value.backend.ts'));
  });
});

registerConformance(
  { describe, it, beforeAll, afterAll },
  {
    name: 'the backend of the guide',
    create: async () => {
      const entries = new Map<string, Entry>();
      const backend = new KeyValueBackend({
        get: async (key) => entries.get(key),
        set: async (key, entry) => void entries.set(key, entry),
        delete: async (key) => entries.delete(key),
        keys: async (prefix) => [...entries.keys()].filter((key) => key.startsWith(prefix)),
      });
      return { backend, close: () => backend.close() };
    },
  },
);
