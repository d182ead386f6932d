import { describe, expect, it } from "vitest";
import { z } from "zod";
import { findBreaches, type Repository } from "./breaches.ts";
import { PERMITTED, PLANTED_BREACHES } from "./planted-breaches.ts";
import { readSource, sourceFiles } from "./source-files.ts";

const manifest = z
  .object({ dependencies: z.record(z.string(), z.string()) })
  .parse(JSON.parse(readSource("package.json")));
const repository: Repository = { dependencies: new Set(Object.keys(manifest.dependencies)) };

describe("the architecture", () => {
  it("is kept by every source file", () => {
    const files = sourceFiles("src", "adapters", "agents", "test", "deploy");
    for (const expected of [
      "src/envelope/envelope.ts",
      "src/contracts/adapter.ts",
      "test/architecture/layers.test.ts",
    ]) {
      expect(files).toContain(expected); // an empty walk would pass everything
    }
    const breaches = files.flatMap((path) => findBreaches(path, readSource(path), repository));
    expect(breaches.map(({ rule, text }) => `${text} [${rule}]`)).toEqual([]);
  });
});

describe("the check itself", () => {
  it.each(PLANTED_BREACHES)("reports a planted breach: $rule in $path", ({ rule, path, source }) => {
    expect(findBreaches(path, source, repository).map((breach) => breach.rule)).toContain(rule);
  });

  it.each(PERMITTED)("allows what the table allows: $path", ({ path, source }) => {
    expect(findBreaches(path, source, repository)).toEqual([]);
  });

  it("refuses a file that it cannot read", () => {
    expect(() => findBreaches("src/pipeline/a.ts", "import {", repository)).toThrow(/does not parse/);
  });
});
