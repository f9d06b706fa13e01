/** Counts the set-ups that the doctor was tried on, and holds them against those that it must have been tried on. */

/** Broken set-ups that there must be, by what their tests are called. */
const NAMED = {
  'wrong key': /^a wrong access key|: a wrong key/,
  'wrong secret': /\ba wrong secret/,
  'no bucket': /\bno such bucket/,
  'other region': /\ba bucket of another region/,
  'clock off by an hour': /\ba clock (?:ahead|behind) by an hour/,
  'no route': /^no route/,
  refused: /^a refused connection|at which nothing listens/,
  'TLS to plain': /^TLS to a plain port/,
  'read-only folder': /^a read-only folder/,
  'full disk': /^a full disk/,
  'folder of another user': /^a folder of another user/,
  'base URL that leads nowhere': /^a base URL that leads nowhere/,
  'missing SDK': /^the SDK of \w+ missing/,
  'CORS missing': /^no CORS rule/,
  'expiry over the limit': /links that live longer than/,
};

const SUITES = /\/doctor-(?:s3|machine|clouds)\.spec\.ts$/;
const FEWEST = { broken: 15, good: 5 };

/** Titles of the tests that passed, of groups that begin so. */
function passed(suites, group, title = /./) {
  const tests = suites.flatMap(({ testResults }) => testResults);
  return tests
    .filter(({ status, ancestorTitles: [first] }) => status === 'passed' && first?.startsWith(group))
    .map((test) => test.title)
    .filter((one) => title.test(one));
}

export default class DoctorFigures {
  #whole;
  #lacking = [];

  constructor({ testNamePattern }) {
    this.#whole = !testNamePattern;
  }

  onRunComplete(_contexts, results) {
    const suites = results.testResults.filter(({ testFilePath }) => SUITES.test(testFilePath));
    if (suites.length === 0) return;
    const [broken, good] = [passed(suites, 'a broken', / fails at /), passed(suites, 'a good')];
    const counts = Object.entries(NAMED).map(([name, title]) => [name, broken.filter((one) => title.test(one)).length]);
    process.stderr.write(
      `doctor: ${broken.length} broken set-ups, each with its true cause; ${good.length} good ones without an alarm\n` +
        `doctor: among the broken ones: ${counts.map(([name, count]) => `${name} ${count}`).join(', ')}\n`,
    );
    if (!this.#whole || suites.length < 3) return;
    this.#lacking = counts.filter(([, count]) => count === 0).map(([name]) => name);
    if (broken.length < FEWEST.broken) this.#lacking.push(`${FEWEST.broken} broken set-ups`);
    if (good.length < FEWEST.good) this.#lacking.push(`${FEWEST.good} good ones`);
  }

  getLastError() {
    return this.#lacking.length > 0 ? new Error(`the doctor was not tried on: ${this.#lacking.join(', ')}`) : undefined;
  }
}
