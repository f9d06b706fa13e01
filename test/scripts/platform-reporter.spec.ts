/** The line that a run ends with about its platforms, and the runs that it fails. */
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';

interface Ran {
  readonly ancestorTitles: readonly string[];
  readonly title: string;
  readonly status: string;
}

interface Reporter {
  onRunComplete(contexts: unknown, results: { testResults: { testFilePath: string; testResults: Ran[] }[] }): void;
  getLastError(): Error | undefined;
}

const script = '../../scripts/platform-reporter.mjs';
const { default: PlatformReporter } = (await import(script)) as { default: new () => Reporter };

const ran = (platform: string, title: string, status = 'passed'): Ran => ({
  ancestorTitles: [platform, 'an app'],
  title,
  status,
});

describe('the reporter of platforms', () => {
  const only = process.env.TEST_PLATFORM;
  let told = '';

  beforeEach(() => {
    told = '';
    delete process.env.TEST_PLATFORM;
    jest.spyOn(process.stderr, 'write').mockImplementation((text) => {
      told += String(text);
      return true;
    });
  });

  afterEach(() => {
    jest.restoreAllMocks();
    if (only !== undefined) process.env.TEST_PLATFORM = only;
  });

  function report(...tests: Ran[]): string | undefined {
    const reporter = new PlatformReporter();
    reporter.onRunComplete(undefined, { testResults: [{ testFilePath: 'a.spec.ts', testResults: tests }] });
    return reporter.getLastError()?.message;
  }

  it('counts what passed on each', () => {
    const elsewhere = { ancestorTitles: ['on Express, by hand'], title: 'x', status: 'passed' };
    const error = report(
      ran('on express', 'starts'),
      ran('uploads on fastify', 'ends', 'failed'),
      ran('on fastify', 'starts'),
      ran('uploads on express', 'ends'),
      elsewhere,
    );
    expect(told).toBe('HTTP tests: 2 of 2 passed on express, 1 of 2 passed on fastify, the same tests\n');
    expect(error).toBeUndefined();
  });

  it.each([
    ['ran on one alone', [ran('on express', 'starts')], 'on express: a.spec.ts › an app › starts'],
    ['was skipped on one', [ran('on express', 'starts', 'pending'), ran('on fastify', 'starts')], 'on fastify: '],
    ['ran twice on one', [ran('on express', 'a'), ran('on express', 'a'), ran('on fastify', 'a')], 'on express: '],
    ['has another title there', [ran('on express', 'a'), ran('on fastify', 'b')], '2 tests ran on one platform alone'],
  ])('fails a run in which a test %s', (_how, tests, shown) => {
    expect(report(...tests)).toContain(shown);
    expect(told).toContain('NOT the same tests');
  });

  it('compares nothing where one platform was asked for, or none was there', () => {
    expect(report({ ancestorTitles: [], title: 'x', status: 'passed' })).toBeUndefined();
    expect(told).toBe('');
    process.env.TEST_PLATFORM = 'express';
    expect(report(ran('on express', 'starts'))).toBeUndefined();
    expect(told).toBe('HTTP tests: 1 of 1 passed on express, 0 of 0 passed on fastify\n');
    delete process.env.TEST_PLATFORM;
  });
});
