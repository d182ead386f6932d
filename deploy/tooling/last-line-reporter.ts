import type { SerializedError } from "vitest";
import type { Reporter, TestModule } from "vitest/node";

/**
 * Prints `N passed, N failed` as the very last line of a run, after vitest's own summary and every teardown.
 *
 * Passed are passed tests. Failed are failed tests, and files that failed without a failed test (they did not load, or a
 * hook broke). A run that fails for another reason, such as a server that did not start, counts one failure, so that
 * the line never contradicts the exit code. Tests that needed a second try are named before it: each is a fault of a test or of the product.
 */
export default class LastLineReporter implements Reporter {
  #passed = 0;
  #failed = 0;
  #ended = false;
  #again: string[] = [];

  onInit(): void {
    // The exit event is the last thing in the process; writing there to a pipe or file is synchronous on POSIX.
    process.once("exit", (code) => {
      for (const name of this.#again) process.stdout.write(`passed at the second try: ${name}\n`);
      const failed = this.#failed === 0 && (code !== 0 || !this.#ended) ? 1 : this.#failed;
      process.stdout.write(`${this.#passed} passed, ${failed} failed\n`);
    });
  }

  onTestRunEnd(testModules: ReadonlyArray<TestModule>, unhandledErrors: ReadonlyArray<SerializedError>): void {
    this.#ended = true;
    this.#passed = 0;
    this.#failed = 0;
    for (const testModule of testModules) {
      let failedHere = 0;
      for (const test of testModule.children.allTests()) {
        const { state } = test.result();
        if (state === "passed") this.#passed++;
        if (state === "passed" && (test.diagnostic()?.retryCount ?? 0) > 0) this.#again.push(test.fullName);
        if (state === "failed") failedHere++;
      }
      if (failedHere === 0 && testModule.state() === "failed") failedHere = 1;
      this.#failed += failedHere;
    }
    if (this.#failed === 0) this.#failed = unhandledErrors.length;
  }
}
