/** The table of services in the guide on S3 is what the presets say. */
import { readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { S3_DIALECTS } from '../../lib/backends/s3/index.js';
import { dialectNamed, type S3Dialect } from '../../lib/backends/s3/s3.dialects.js';

const CHECKSUMS = { crc32: 'CRC-32', md5: 'MD5', sha256: 'SHA-256' } as const;

function rowOf(name: S3Dialect['name']): string[] {
  const dialect = dialectNamed(name)!;
  const yes = (is: boolean) => (is ? 'yes' : 'no');
  // One column for both conditions.
  expect(dialect.ifMatch).toEqual(dialect.createOnly);
  return [
    `\`${name}\``,
    dialect.pathStyle ? 'bucket in path' : 'bucket in host',
    CHECKSUMS[dialect.checksums],
    dialect.createOnly.join(', ') || 'none',
    yes(dialect.post),
    yes(dialect.acl),
    yes(dialect.tags),
  ];
}

it('docs/s3.md lists what each preset says', () => {
  const guide = readFileSync(new URL('../../docs/s3.md', import.meta.url), 'utf8');
  const section = /^## What the services take\n(.*?)^## /ms.exec(guide)![1]!;
  const rows = [...section.matchAll(/^\| (`\w+`.*)\|$/gm)].map(([, cells]) =>
    cells!.split('|').map((cell) => cell.trim()),
  );
  expect(rows).toEqual(S3_DIALECTS.map(rowOf));
});
