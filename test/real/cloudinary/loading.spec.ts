/** The SDK is loaded on first use and by nobody else: not by the library's root, its types, or a backend that waits. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';

const LIBRARY = new URL('../../../node_modules/.cache/nestjs-storage/lib/', import.meta.url);
const SOURCES = new URL('../../../lib/', import.meta.url);

/** Everything that a module names in a static import, types included, near and far. */
async function reached(entry: string): Promise<Set<string>> {
  const found = new Set<string>();
  const open = [new URL(entry, SOURCES).href];
  for (let module = open.pop(); module !== undefined; module = open.pop()) {
    if (found.has(module)) continue;
    found.add(module);
    const text = await readFile(new URL(module), 'utf8');
    for (const [, specifier = ''] of text.matchAll(/(?:from|^import) '([^']+)';$/gm)) {
      if (specifier.startsWith('.')) open.push(new URL(specifier.replace(/\.js$/, '.ts'), module).href);
      else found.add(specifier);
    }
  }
  return found;
}

describe('the Cloudinary SDK', () => {
  it('and its driver are reached from nowhere in the root, not even by a type', async () => {
    const modules = await reached('index.ts');
    expect(modules.size).toBeGreaterThan(20);
    // The settings of every storage know how the options look and how a CLOUDINARY_URL is read, and no more.
    const named = [...modules].filter((module) => module.includes('/backends/cloudinary/') || module === 'cloudinary');
    expect(named.map((module) => module.replace(/^.*\/lib\//, ''))).toEqual([
      'backends/cloudinary/cloudinary-options.ts',
    ]);
    // The same walk does find it where it is named.
    const driver = await reached('backends/cloudinary/index.ts');
    expect([...driver].some((module) => module.endsWith('/cloudinary-sdk.ts'))).toBe(true);
    expect(driver.has('cloudinary')).toBe(false);
  });

  it('is loaded by the first call that needs it', async () => {
    const script = `
      import { createRequire } from 'node:module';
      import { CloudinaryBackend } from ${JSON.stringify(new URL('backends/cloudinary/index.js', LIBRARY).href)};
      const loaded = () => Object.keys(createRequire(import.meta.url).cache).filter((path) => path.includes('/cloudinary/lib/'));
      const backend = new CloudinaryBackend({ cloudName: 'cloud', apiKey: 'k', apiSecret: 's' });
      const before = loaded().length;
      const url = await backend.getUrl('a.txt', { expiresIn: 60 });
      console.log(JSON.stringify({ before, after: loaded().length, url }));
      await backend.close();`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
      env: { PATH: process.env.PATH },
    });
    const { before, after, url } = JSON.parse(stdout) as { before: number; after: number; url: string };
    expect(before).toBe(0);
    expect(after).toBeGreaterThan(10);
    expect(url).toMatch(/^https:\/\/api\.cloudinary\.com\/v1_1\/cloud\/raw\/download\?.*public_id=files%2Fa\.txt/);
  });
});
