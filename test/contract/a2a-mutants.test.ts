import { describe, expect, it } from "vitest";
import { CONNECTOR_CHECKS } from "./connector-checks.ts";
import { checksFor, runCheck } from "./connector-suite.ts";
import { A2A_MUTANTS } from "./mutants/a2a-mutants.ts";
import { a2aHarness } from "./rigs/a2a-rig.ts";

describe("the connector suite, put to broken A2A connectors", () => {
  it("has one for every obligation", () => {
    const broken = new Set(A2A_MUTANTS.map(({ breaks }) => breaks));
    expect([...broken].sort()).toEqual([...new Set(CONNECTOR_CHECKS.map(({ id }) => id))].sort());
  });

  it.each(A2A_MUTANTS)("fails one that $name, on $breaks", { timeout: 60_000 }, async ({ breaks, create }) => {
    const harness = a2aHarness(create, "1.0");
    let hasFailed = false;
    for (const check of checksFor(harness).filter(({ id }) => id === breaks)) {
      await runCheck(check, harness).catch(() => {
        hasFailed = true;
      });
      if (hasFailed) break;
    }
    expect(hasFailed).toBe(true);
  });
});
