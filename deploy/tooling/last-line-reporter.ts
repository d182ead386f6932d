import type { SerializedError } from "vitest";
import type { Reporter, TestModule } from "vitest/node";

/** What one file of tests came to, at its last run. */
interface FileCount {
  readonly name: string;
  readonly passed: number;
  readonly failed: number;
}

/**
 * Prints `N passed, N failed` as the very last line of a run, after vitest's own summary and every teardown.
 *
 * Passed are passed tests. Failed are failed tests, and files that failed without a failed test (they did not load, or a
 * hook broke). A run that fails for another reason, such as a server that did not start, counts one failure, so that
 * the line never contradicts the exit code. A file that was run again counts as it ended the last time. Tests and files that needed a second try are
 * named before it: each is a fault of a test or of the product.
 */
export default class LastLineReporter implements Reporter {
  #files = new Map<string, FileCount>();
  #unhandled = 0;
  #ended = false;
  #again = new Set<string>();

  onInit(): void {
    // The exit event is the last thing in the process; writing there to a pipe or file is synchronous on POSIX.
    process.once("exit", (code) => {
      for (const name of this.#again) process.stdout.write(`passed at the second try: ${name}\n`);
      const counts = [...this.#files.values()];
      const passed = counts.reduce((sum, file) => sum + file.passed, 0);
      const failed = counts.reduce((sum, file) => sum + file.failed, 0) || this.#unhandled;
      process.stdout.write(`${passed} passed, ${failed === 0 && (code !== 0 || !this.#ended) ? 1 : failed} failed\n`);
    });
  }

  onTestRunEnd(testModules: ReadonlyArray<TestModule>, unhandledErrors: ReadonlyArray<SerializedError>): void {
    this.#ended = true;
    this.#unhandled = unhandledErrors.length;
    for (const testModule of testModules) {
      const count = countOf(testModule, this.#again);
      if (count.failed === 0 && (this.#files.get(testModule.id)?.failed ?? 0) > 0) this.#again.add(count.name);
      this.#files.set(testModule.id, count);
    }
  }
}

function countOf(testModule: TestModule, again: Set<string>): FileCount {
  let passed = 0;
  let failed = 0;
  for (const test of testModule.children.allTests()) {
    const { state } = test.result();
    if (state === "passed") passed++;
    if (state === "passed" && (test.diagnostic()?.retryCount ?? 0) > 0) again.add(test.fullName);
    if (state === "failed") failed++;
  }
  if (failed === 0 && testModule.state() === "failed") failed = 1;
  return { name: testModule.relativeModuleId, passed, failed };
}
