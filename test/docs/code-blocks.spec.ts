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

  // The count shows in the report.
  it(`compiles: all ${blocks.length} blocks`, () => {
    const wrong: Source = {
      place: 'control',
      path: 'code-blocks/control.ts',
      code: "import { StorageModule } from 'nestjs-storage'; StorageModule.forRoot({ backend: 'floppy' });",
    };
    // The control shows that the compiler really sees the library's types.
    expect(compile([...blocks, wrong])).toEqual([expect.stringMatching(/^control line 1: .*"floppy"/)]);
  });

  it('is there: every guide has some', () => {
    const counted = documents().map((document) => [document, codeBlocks(document).length] as const);
    const total = counted.reduce((sum, [, count]) => sum + count, 0);
    expect(total).toBe(blocks.length);
    expect(total).toBeGreaterThanOrEqual(50);
    for (const document of ['README.md', 'docs/getting-started.md', 'docs/uploads.md', 'docs/custom-backend.md']) {
      expect(counted).toContainEqual([document, expect.any(Number)]);
    }
    expect(new Set(blocks.map((block) => block.path)).size).toBe(blocks.length);
  });

  it('uses no other fence name for TypeScript that would go unseen', () => {
    for (const document of documents()) {
      const fences = [...readFileSync(join(ROOT, document), 'utf8').matchAll(/^```(\S+)/gm)].map((match) => match[1]);
      expect([document, fences.filter((name) => /^(?:typescript|tsx|js|javascript)$/.test(name!))]).toEqual([
        document,
        [],
      ]);
    }
  });
});
