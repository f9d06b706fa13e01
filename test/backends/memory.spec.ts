/** What is special about the store in memory. */
import { expect, it } from '@jest/globals';
import { MemoryBackend } from '../../lib/backends/memory/memory.backend.js';
import { parseKey } from '../../lib/contract/index.js';

it('names the operation that was asked for where there is nothing to move or to copy', async () => {
  const backend = new MemoryBackend();
  const [from, to] = [parseKey('missing'), parseKey('b')];
  await expect(backend.move(from, to)).rejects.toMatchObject({ operation: 'move', key: 'missing', code: 'not-found' });
  await expect(backend.copy(from, to)).rejects.toMatchObject({ operation: 'copy', key: 'missing', code: 'not-found' });
});
