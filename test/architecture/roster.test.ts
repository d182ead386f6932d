import { describe, expect, it } from "vitest";
import { findRosterGaps, pluginFolders } from "./roster.ts";
import { readSource, sourceFiles } from "./source-files.ts";

function gapsOf(files: Readonly<Record<string, string>>): string[] {
  return findRosterGaps(Object.keys(files), (path) => files[path] ?? "");
}

const WEB = "adapters/web/index.ts";
const WEB_TEST = "test/contract/web.contract.test.ts";
const RUNS_SUITE = `import { x } from "../../adapters/web/adapter.ts"; describeAdapterContract(x);`;

describe("the roster of adapters and connectors", () => {
  it("is complete: each has an index and runs its contract suite", () => {
    const paths = sourceFiles("adapters", "agents", "test");
    expect(pluginFolders(paths)).not.toEqual([]);
    expect(findRosterGaps(paths, readSource)).toEqual([]);
  });

  it("accepts a folder with an index and a test that runs the suite, and asks nothing of shared code", () => {
    expect(gapsOf({ [WEB]: "", "adapters/shared/chunks.ts": "", [WEB_TEST]: RUNS_SUITE })).toEqual([]);
  });

  it("reports a folder without an index", () => {
    expect(gapsOf({ "adapters/web/adapter.ts": "", [WEB_TEST]: RUNS_SUITE })).toEqual(["adapters/web has no index.ts"]);
  });

  it.each([
    ["there is no test", {}],
    ["the test is somewhere else", { "test/unit/web.test.ts": RUNS_SUITE }],
    ["the test runs no suite", { [WEB_TEST]: `import { x } from "../../adapters/web/adapter.ts"; x();` }],
    ["the test names it in a comment alone", { [WEB_TEST]: `// adapters/web\ndescribeAdapterContract(1);` }],
    ["the test is of another adapter", { [WEB_TEST]: RUNS_SUITE.replace("web", "slack") }],
  ])("reports a folder without its contract suite: %s", (_case, files) => {
    expect(gapsOf({ [WEB]: "", ...files })).toEqual(["adapters/web is run through no contract suite in test/contract"]);
  });
});
