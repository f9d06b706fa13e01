/** The guide's recipe, taken from the guide and run: what a real OpenTelemetry SDK exports of storage operations. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { compileBesideLibrary } from '../support/beside-library.js';
import type { ExportedTelemetry } from './telemetry-app.js';

const ROOT = resolve(import.meta.dirname, '../..');
const FOLDER = 'test/observability';

/** The block of the guide, with the library's sources in place of the package. */
function recipe(): string {
  const guide = readFileSync(join(ROOT, 'docs/observability.md'), 'utf8');
  const [, code] = /^```ts\n(\/\/ storage-telemetry\.ts\n[\s\S]*?)^```$/m.exec(guide)!;
  return code!.replace("'nestjs-storage'", "'../../lib/index.js'");
}

describe('the recipe for OpenTelemetry', () => {
  let told: ExportedTelemetry;

  beforeAll(async () => {
    compileBesideLibrary(`${FOLDER}/storage-telemetry.js`, recipe());
    const source = readFileSync(join(ROOT, FOLDER, 'telemetry-app.ts'), 'utf8');
    const app = compileBesideLibrary(`${FOLDER}/telemetry-app.js`, source);
    const { stdout } = await promisify(execFile)(process.execPath, [app]);
    told = JSON.parse(stdout) as ExportedTelemetry;
  });

  it('makes a span of each operation, below the span of the request', () => {
    const base = { 'storage.name': 'docs', 'storage.backend': 'memory', 'storage.outcome': 'success' };
    const key = 'tenants/a/report.txt';
    expect(told.spans).toEqual([
      {
        name: 'storage put',
        kind: 2,
        status: { code: 0 },
        attributes: { ...base, 'storage.operation.name': 'put', 'storage.key': key, 'storage.bytes': 12 },
        parent: told.request,
        seconds: expect.any(Number),
      },
      {
        name: 'storage get',
        kind: 2,
        status: { code: 0 },
        attributes: { ...base, 'storage.operation.name': 'get', 'storage.key': key, 'storage.bytes': 12 },
        parent: told.request,
        seconds: expect.any(Number),
      },
      {
        name: 'storage get',
        kind: 2,
        status: { code: 2, message: 'not-found' },
        attributes: {
          ...base,
          'storage.operation.name': 'get',
          'storage.key': 'nowhere',
          'storage.outcome': 'failure',
          'error.type': 'not-found',
        },
        parent: told.request,
        seconds: expect.any(Number),
      },
    ]);
    for (const { seconds } of told.spans) expect(seconds).toBeGreaterThan(0);
  });

  it('measures durations and bytes, by few attributes', () => {
    const put = { 'storage.name': 'docs', 'storage.backend': 'memory', 'storage.operation.name': 'put' };
    const get = { ...put, 'storage.operation.name': 'get' };
    expect(told.metrics['storage.operation.io']).toEqual([
      { attributes: put, value: 12 },
      { attributes: get, value: 12 },
    ]);
    const durations = told.metrics['storage.operation.duration']!;
    expect(durations.map(({ attributes }) => attributes)).toEqual([put, get, { ...get, 'error.type': 'not-found' }]);
    for (const { value } of durations) expect(value).toMatchObject({ count: 1, sum: expect.any(Number) });
  });
});
