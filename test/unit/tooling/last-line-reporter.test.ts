import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";

const vitest = join(dirname(createRequire(import.meta.url).resolve("vitest/package.json")), "vitest.mjs");
const reporter = fileURLToPath(new URL("../../../deploy/tooling/last-line-reporter.ts", import.meta.url));

const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

/** Runs vitest in a process of its own over these files; gives its last line and exit code. */
function runVitest(files: Readonly<Record<string, string>>): {
  lastLine: string | undefined;
  lineBefore: string | undefined;
  status: number | null;
} {
  const folder = mkdtempSync(join(tmpdir(), "parley-last-line-"));
  folders.push(folder);
  const config = {
    test: { globals: true, globalSetup: "setup.js" in files ? ["./setup.js"] : [], reporters: ["default", reporter] },
  };
  writeFileSync(join(folder, "vitest.config.mjs"), `export default ${JSON.stringify(config)};`);
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  const { stdout, status } = spawnSync(process.execPath, [vitest, "run", "--root", folder], { encoding: "utf8" });
  const lines = stdout.trimEnd().split("\n");
  return { lastLine: lines.at(-1), lineBefore: lines.at(-2), status };
}

const PASSES = `it("passes", () => {});`;
const FAILS = `it("fails", () => { throw new Error("no"); });`;

describe("the last line of a test run", () => {
  it("counts passed and failed tests, and comes after a teardown that prints", () => {
    const run = runVitest({
      "a.test.js": PASSES + FAILS,
      "b.test.js": PASSES,
      "setup.js": `export default () => () => console.log("torn down");`,
    });
    expect(run).toMatchObject({ lastLine: "2 passed, 1 failed", status: 1 });
  });

  it("says that nothing failed only when the run succeeded", () => {
    expect(runVitest({ "a.test.js": PASSES })).toMatchObject({ lastLine: "1 passed, 0 failed", status: 0 });
  });

  it("names what needed a second try", () => {
    const wavers = `let tries = 0; it("wavers", { retry: 1 }, () => { tries += 1; expect(tries).toBe(2); });`;
    expect(runVitest({ "a.test.js": wavers })).toEqual({
      lineBefore: "passed at the second try: wavers",
      lastLine: "1 passed, 0 failed",
      status: 0,
    });
  });

  it.each([
    [
      "a file that does not load",
      { "a.test.js": PASSES, "b.test.js": "throw new Error('broken');" },
      "1 passed, 1 failed",
    ],
    [
      "a hook that breaks",
      { "a.test.js": `beforeAll(() => { throw new Error("no"); });${PASSES}` },
      "0 passed, 1 failed",
    ],
    ["an unhandled rejection", { "a.test.js": `${PASSES}Promise.reject(new Error("no"));` }, "1 passed, 1 failed"],
    [
      "a set-up that breaks",
      { "a.test.js": PASSES, "setup.js": "export default () => { throw 1; };" },
      "0 passed, 1 failed",
    ],
    ["a run without tests", { "setup.js": "export default () => {};" }, "0 passed, 1 failed"],
  ])("counts %s as a failure", (_case, files, lastLine) => {
    expect(runVitest(files)).toMatchObject({ lastLine, status: 1 });
  });
});
