/** What the documents say about variables, statuses, files and commands is what the code says. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { environmentSchema } from '../../lib/config/index.js';
import * as contract from '../../lib/contract/index.js';
import { storageHttpAnswer } from '../../lib/http/index.js';

const ROOT = resolve(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const GUIDES = readdirSync(join(ROOT, 'docs')).filter((name) => name.endsWith('.md'));
const DOCUMENTS = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md', ...GUIDES.map((n) => `docs/${n}`)];

/** Cells of every table row whose first cell matches. */
function rows(text: string, first: RegExp): string[][] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) =>
      line
        .slice(1, line.lastIndexOf('|'))
        .split('|')
        .map((cell) => cell.trim().replace(/\\([_*])/g, '$1')),
    )
    .filter(([cell]) => first.test(cell!));
}

describe('README', () => {
  it('lists exactly the variables of the schema, in its order, with its descriptions', () => {
    const listed = rows(read('README.md'), /^`[A-Z][A-Z0-9_]+`$/);
    const expected = Object.entries(environmentSchema.shape).map(([name, field]) => [
      `\`${name}\``,
      (field as { description?: string }).description,
    ]);
    expect(listed).toEqual(expected);
  });

  it('names in its table of backends exactly those that are there', () => {
    const present = readdirSync(join(ROOT, 'lib/backends'), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
      .sort();
    const section = /^## Backends$([\s\S]*?)^## /m.exec(read('README.md'))![1]!;
    const listed = rows(section, /^`\w+`$/).map(([cell]) => cell!.replaceAll('`', ''));
    expect([...listed].sort()).toEqual(present);
  });

  it('shows the two commands before anything else scrolls by', () => {
    const screen = read('README.md').split('\n').slice(0, 40).join('\n');
    expect(screen).toContain('npm ci && npm start');
    expect(screen).toContain('npm ci && npm test');
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    expect(Object.keys(scripts)).toEqual(expect.arrayContaining(['start', 'test', 'build']));
  });
});

describe('docs/getting-started.md', () => {
  it('lists exactly the packages that are optional', () => {
    const { peerDependenciesMeta } = JSON.parse(read('package.json')) as { peerDependenciesMeta: object };
    const [install] = /^## Install$[\s\S]*?(?=^## )/m.exec(read('docs/getting-started.md'))!;
    const listed = rows(install, /^`.+`$/).map(([cell]) => cell!.replaceAll('`', ''));
    expect(listed.sort()).toEqual(Object.keys(peerDependenciesMeta).sort());
  });
});

describe('docs/errors.md', () => {
  it('lists every error class with its code and status', () => {
    const classes = Object.entries(contract).filter(
      ([name, value]) => typeof value === 'function' && name.endsWith('Error') && name !== 'StorageError',
    ) as [string, new (details: contract.StorageErrorDetails) => contract.StorageError][];
    const expected = classes.map(([name, ErrorClass]) => {
      const error = new ErrorClass({ operation: 'put' });
      return [`\`${name}\``, `\`${error.code}\``, String(storageHttpAnswer(error).status)];
    });
    const listed = rows(read('docs/errors.md'), /^`\w+Error`$/).map((cells) => cells.slice(0, 3));
    expect(listed).toHaveLength(expected.length);
    expect(listed).toEqual(expect.arrayContaining(expected));
  });
});

describe('all documents', () => {
  it('link only to files and headings that are there', () => {
    const broken: string[] = [];
    for (const document of DOCUMENTS) {
      for (const [, link] of read(document).matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^(?:https?|mailto):/.test(link!)) continue;
        const [path, heading] = link!.split('#');
        const target = path === '' ? document : join(dirname(document), path!);
        if (!existsSync(join(ROOT, target))) broken.push(`${document}: ${link}`);
        else if (heading && !headings(target).includes(heading)) broken.push(`${document}: ${link}`);
      }
    }
    expect(broken).toEqual([]);
  });

  it('name only npm scripts that there are', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    for (const document of DOCUMENTS) {
      const named = [...read(document).matchAll(/npm run ([\w:-]+)/g)].map((match) => match[1]!);
      expect([document, named.filter((name) => !(name in scripts))]).toEqual([document, []]);
    }
  });
});

/** Anchors as repository hosts make them. */
function headings(document: string): string[] {
  return [...read(document).matchAll(/^#+ (.+)$/gm)].map((match) =>
    match[1]!
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}
