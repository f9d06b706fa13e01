/** Ends a run with the number of HTTP tests on each platform, and fails a run where they are not the same tests. */

/** Title of what test/support/platforms.ts runs. */
const ON_PLATFORM = /\bon (express|fastify)$/;

const MOST_SHOWN = 5;

const PLATFORMS = ['express', 'fastify'];

export default class PlatformReporter {
  #error;

  onRunComplete(_contexts, { testResults }) {
    const tests = testResults.flatMap(testsOfFile);
    if (tests.length === 0) return;
    const counts = PLATFORMS.map((platform) => {
      const here = tests.filter((test) => test.platform === platform);
      return `${here.filter(({ passed }) => passed).length} of ${here.length} passed on ${platform}`;
    });
    const apart = process.env.TEST_PLATFORM === undefined ? ranApart(tests) : undefined;
    const verdict = apart && (apart.length === 0 ? ', the same tests' : ', NOT the same tests');
    process.stderr.write(`HTTP tests: ${counts.join(', ')}${verdict ?? ''}\n`);
    if (!apart?.length) return;
    const shown = apart.slice(0, MOST_SHOWN).map(({ platform, name }) => `on ${platform}: ${name}`);
    this.#error = new Error(`${apart.length} tests ran on one platform alone, among them:\n  ${shown.join('\n  ')}`);
  }

  getLastError() {
    return this.#error;
  }
}

/** Those of the platforms that ran, named alike on both. */
function testsOfFile({ testFilePath, testResults }) {
  return testResults.flatMap(({ ancestorTitles: [outermost = '', ...inner], title, status }) => {
    const platform = ON_PLATFORM.exec(outermost)?.[1];
    if (platform === undefined || (status !== 'passed' && status !== 'failed')) return [];
    const name = [testFilePath, outermost.replace(ON_PLATFORM, '').trim(), ...inner, title].filter(Boolean).join(' › ');
    return [{ platform, name, passed: status === 'passed' }];
  });
}

/** What did not run on the other platform, or not as often. */
function ranApart(tests) {
  const ledger = new Map();
  for (const test of tests) {
    const waiting = ledger.get(test.name) ?? [];
    const match = waiting.findIndex(({ platform }) => platform !== test.platform);
    if (match === -1) ledger.set(test.name, [...waiting, test]);
    else waiting.splice(match, 1);
  }
  return [...ledger.values()].flat();
}
