/** Every TypeScript block of the README and the guides compiles against the library, as an app would write it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { problemsOf, type Source } from '../support/compiled-sources.js';

const ROOT = resolve(import.meta.dirname, '../..');

function documents(): string[] {
  const guides = readdirSync(join(ROOT, 'docs')).filter((name) => name.endsWith('.md'));
  return ['README.md', 'CONTRIBUTING.md', ...guides.sort().map((name) => `docs/${name}`)];
}

/** Documents of words, tables and commands alone. */
const WITHOUT_CODE: readonly string[] = [
  'CONTRIBUTING.md',
  'docs/README.md',
  'docs/capabilities.md',
  'docs/cli.md',
  'docs/deploying.md',
];

/** Fences of TypeScript that a line opens, however it is indented: counted without what finds the blocks. */
function fencesOf(document: string): number {
  const lines = readFileSync(join(ROOT, document), 'utf8').split('\n');
  return lines.filter((line) => /^\s*(?:```+|~~~+)\s*ts\b/.test(line)).length;
}

function codeBlocks(document: string): Source[] {
  const text = readFileSync(join(ROOT, document), 'utf8');
  return [...text.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map((match, index) => ({
    place: `${document}:${text.slice(0, match.index).split('\n').length}`,
    path: `code-blocks/${document.replace(/\W+/g, '-')}-${index + 1}.ts`,
    // A block without an import or export is a module all the same, so that blocks do not see each other's names.
    code: `${match[1]!}\nexport {};\n`,
  }));
}

/** Problems by the place of the block. */
function compile(blocks: readonly Source[]): string[] {
  return problemsOf(blocks).map(({ place, line, message }) => `${place} line ${line}: ${message}`);
}

describe('code in the documents', () => {
  const blocks = documents().flatMap(codeBlocks);

  it(`compiles: all ${blocks.length} blocks`, () => {
    const wrong: Source = {
      place: 'control',
      path: 'code-blocks/control.ts',
      code: "import { StorageModule } from 'nestjs-storage'; StorageModule.forRoot({ backend: 'floppy' });",
    };
    // The control shows that the compiler really sees the library's types.
    expect(compile([...blocks, wrong])).toEqual([expect.stringMatching(/^control line 1: .*"floppy"/)]);
  });

  it('is there: every guide has some, but those that hold no code', () => {
    const without = documents().filter((document) => codeBlocks(document).length === 0);
    expect(without).toEqual(WITHOUT_CODE);
  });

  it('is compiled whole: as many blocks as fences are opened in the documents', () => {
    const opened = documents().map((document) => [document, fencesOf(document)] as const);
    expect(opened).toEqual(documents().map((document) => [document, codeBlocks(document).length]));
    expect(new Set(blocks.map((block) => block.path)).size).toBe(blocks.length);
    const total = opened.reduce((sum, [, count]) => sum + count, 0);
    process.stderr.write(`documents: ${blocks.length} of ${total} TypeScript blocks compiled\n`);
  });

  it('uses no other fence name for TypeScript that would go unseen', () => {
    for (const document of documents()) {
      const text = readFileSync(join(ROOT, document), 'utf8');
      const fences = [...text.matchAll(/^\s*(?:```+|~~~+)[ \t]*(\w+)/gm)].map((match) => match[1]!.toLowerCase());
      const unseen = fences.filter((name) => /^(?:typescript|[cm]ts|[jt]sx|[cm]?js|javascript)$/.test(name));
      expect([document, unseen]).toEqual([document, []]);
    }
  });
});
