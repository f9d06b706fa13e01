/** The table of capabilities in the guides is what the backends declare, which the conformance suite holds them to. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { CloudinaryBackend } from '../../lib/backends/cloudinary/index.js';
import { GcsBackend } from '../../lib/backends/gcs/index.js';
import { S3Backend } from '../../lib/backends/s3/index.js';
import { LocalBackend, MemoryBackend, type StorageBackend, type StorageCapabilities } from '../../lib/index.js';

const backends: readonly StorageBackend[] = [
  new LocalBackend({ root: '/nowhere' }),
  new MemoryBackend(),
  new S3Backend({ bucket: 'files', dialect: 'aws' }),
  new S3Backend({ bucket: 'files', dialect: 'ceph', endpoint: 'http://localhost:7480' }),
  new GcsBackend({ bucket: 'files' }),
  new CloudinaryBackend({ cloudName: 'acme', apiKey: '1', apiSecret: 'x' }),
];

const ROWS: readonly (keyof StorageCapabilities)[] = [
  'createOnly',
  'ifMatch',
  'ordering',
  'maxKeyBytes',
  'maxSegmentBytes',
  'maxObjectBytes',
  'maxMetadataBytes',
  'hierarchical',
  'emptyObjects',
  'stagedReads',
  'consistency',
  'getUrl',
  'getUploadUrl',
];

function shown(value: unknown): string {
  if (value === undefined) return '';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.join(', ');
  return typeof value === 'number' ? value.toLocaleString('en-US') : String(value);
}

describe('docs/capabilities.md', () => {
  const guide = readFileSync(new URL('../../docs/capabilities.md', import.meta.url), 'utf8');

  it('lists what each backend declares', () => {
    const listed = [...guide.matchAll(/^\| `(\w+)` +\|(.*)\|$/gm)].map(([, name, cells]) => ({
      name,
      cells: cells!.split('|').map((cell) => cell.trim()),
    }));
    const declared = ROWS.map((name) => ({
      name,
      cells: backends.map(({ capabilities }) => shown(capabilities[name])),
    }));
    expect(listed).toEqual(declared);
  });

  it('says for each backend on what it was shown', () => {
    const row = /^\| shown on +\|(.*)\|$/m
      .exec(guide)![1]!
      .split('|')
      .map((cell) => cell.trim());
    expect(row).toHaveLength(backends.length);
    for (const cell of row) expect(cell).toMatch(/^(?:real|emulated|not shown): \S/);
  });

  it('says for each backend what the store does itself', () => {
    const rows = guide
      .split('## By the store itself')[1]!
      .match(/^\|.*\|$/gm)!
      .slice(2);
    expect(rows.length).toBeGreaterThan(10);
    for (const row of rows) {
      const cells = row.split('|').slice(2, -1);
      expect(cells).toHaveLength(5);
      for (const cell of cells) expect(cell.trim()).toMatch(/^(?:real|emulated|none)\b/);
    }
  });
});
