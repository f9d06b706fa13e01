/** Ends a jest run with one line that counts what ran, and fails a run that skipped anything. */
export default class CountReporter {
  #skipped = 0;
  #name;

  constructor(_globalConfig, options) {
    this.#name = options?.name ?? 'tests';
  }

  onRunComplete(_contexts, results) {
    this.#skipped = results.numPendingTests + results.numTodoTests;
    // A file that could not even be loaded counts as one failure.
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
    process.stderr.write(
      `${this.#name}: ${results.numPassedTests} passed, ${failed} failed, ${this.#skipped} skipped\n`,
    );
  }

  getLastError() {
    return this.#skipped > 0 ? new Error(`${this.#skipped} tests were skipped; every test must run`) : undefined;
  }
}
