/** What the guides say about backends, variables and messages is what the code does. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { dialectOf } from '../../lib/backends/s3/s3.dialects.js';
import { detectBackend, environmentSchema, readEnvironment } from '../../lib/config/index.js';

const ROOT = resolve(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const GUIDES = readdirSync(join(ROOT, 'docs')).filter((name) => name.endsWith('.md'));
const VARIABLES = new Set(Object.keys(environmentSchema.shape));

/** Each `## heading` with what is below it. */
function sections(text: string): [heading: string, body: string][] {
  return text
    .split(/^## /m)
    .slice(1)
    .map((section) => [section.slice(0, section.indexOf('\n')), section]);
}

/** The variables of all `sh` blocks, as a shell would set them. */
function variablesOf(text: string): Record<string, string> {
  const blocks = [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map((match) => match[1]!).join('');
  const lines = [...blocks.matchAll(/^([A-Z][A-Z0-9_]*)=(\S*)/gm)];
  return Object.fromEntries(lines.map(([, name, value]) => [name!, value!.replace(/^#.*/, '')]));
}

describe('docs/deploying.md', () => {
  const places = sections(read('docs/deploying.md')).filter(([heading]) => heading !== 'Everywhere');

  it.each([
    ['Railway', 'local', undefined],
    ['Render', 'local', undefined],
    ['Docker', 'local', undefined],
    ['AWS', 's3', 'aws'],
    ['DigitalOcean', 's3', 'digitalocean'],
    ['Wasabi', 's3', 'wasabi'],
    ['Backblaze', 's3', 'backblaze'],
    ['MinIO', 's3', 'minio'],
    ['Google Cloud', 'gcs', undefined],
    ['Cloudinary', 'cloudinary', undefined],
  ])('%s: its variables are valid and choose %s', (heading, backend, dialect) => {
    const variables = variablesOf(places.find(([name]) => name === heading)![1]);
    expect(Object.keys(variables).filter((name) => !VARIABLES.has(name))).toEqual([]);
    const environment = readEnvironment(variables);
    expect(detectBackend(environment)).toMatchObject({ backend, alsoFound: [] });
    if (dialect === undefined) return;
    const service = dialectOf(environment.STORAGE_S3_ENDPOINT);
    expect(service.dialect.name).toBe(dialect);
    // Where the host names the region, it is the one of the block.
    expect([undefined, environment.STORAGE_S3_REGION]).toContain(service.region);
  });

  it('has no place that is not looked at here', () => {
    expect(places).toHaveLength(10);
  });

  it('says under "Everywhere" what holds for all', () => {
    const [, everywhere] = sections(read('docs/deploying.md')).find(([heading]) => heading === 'Everywhere')!;
    const { NODE_ENV, ...variables } = variablesOf(everywhere);
    expect(NODE_ENV).toBe('production');
    expect(Object.keys(variables).filter((name) => !VARIABLES.has(name))).toEqual([]);
    expect(() => readEnvironment(variables)).not.toThrow();
  });
});

describe('docs/choosing-a-backend.md', () => {
  it('tells the order in which variables are looked at', () => {
    const told = [...read('docs/choosing-a-backend.md').matchAll(/^\d\. (.*?): `(\w+)`/gm)].flatMap(
      ([, names, backend]) =>
        [...names!.matchAll(/`([A-Z][A-Z0-9_]+)`/g)].map(([, name]) => ({ name: name!, backend })),
    );
    const value = (name: string) =>
      name.endsWith('_URL') ? 'cloudinary://key:secret@cloud' : name.endsWith('CLOUD_NAME') ? 'cloud' : '/x';
    expect(told.length).toBeGreaterThanOrEqual(8);
    for (const [index, { name, backend }] of told.entries()) {
      expect([name, detectBackend(readEnvironment({ [name]: value(name) })).backend]).toEqual([name, backend]);
      // Those that come later change nothing.
      const rest = Object.fromEntries(told.slice(index).map((sign) => [sign.name, value(sign.name)]));
      expect([name, detectBackend(readEnvironment(rest)).backend]).toEqual([name, backend]);
    }
    // Every variable that selects a backend is among them.
    const selecting = [...VARIABLES].filter((name) => {
      const field = environmentSchema.shape[name as keyof typeof environmentSchema.shape];
      return /; selects |^Set by Railway/.test(field.description ?? '');
    });
    expect(told.map(({ name }) => name)).toEqual(expect.arrayContaining(selecting));
  });
});

describe('docs/troubleshooting.md', () => {
  it('quotes messages as the code words them', () => {
    const code = sources(join(ROOT, 'lib')).map((path) => readFileSync(path, 'utf8'));
    const text = read('docs/troubleshooting.md').replaceAll('\n', ' ');
    const quotes = [...text.matchAll(/"([^"]{12,})"/g)].map((match) => match[1]!);
    expect(quotes.length).toBeGreaterThanOrEqual(4);
    const written = (quote: string) => code.some((file) => file.includes(quote));
    expect(quotes.filter((quote) => !written(quote))).toEqual([]);
  });
});

describe('all guides', () => {
  it('are in the index', () => {
    const index = read('docs/README.md');
    expect(GUIDES.filter((name) => name !== 'README.md' && !index.includes(`](${name})`))).toEqual([]);
  });

  it('name only variables that there are', () => {
    const identity = ['AWS_ROLE_ARN', 'AWS_WEB_IDENTITY_TOKEN_FILE'];
    const endpoints = ['AWS_ENDPOINT_URL', 'AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL_STS'];
    const foreign = new Set(['RAILWAY_RUN_UID', 'UV_THREADPOOL_SIZE', ...identity, ...endpoints]);
    // A named storage has variables of its own: STORAGE_AVATARS_S3_BUCKET.
    const named = (name: string) => VARIABLES.has(name.replace(/^STORAGE_[A-Z0-9]+_/, 'STORAGE_'));
    const known = (name: string) => VARIABLES.has(name) || foreign.has(name) || named(name) || name.endsWith('_');
    const unknown = [...GUIDES.map((name) => `docs/${name}`), 'README.md'].flatMap((document) =>
      [...read(document).matchAll(/\b(?:STORAGE|AWS|GOOGLE|CLOUDINARY|RAILWAY|UV)_[A-Z0-9_]+/g)]
        .filter(([name]) => !known(name))
        .map(([name]) => `${document}: ${name}`),
    );
    expect(unknown).toEqual([]);
  });
});

function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name));
}
