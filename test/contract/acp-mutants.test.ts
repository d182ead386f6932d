import { describe, expect, it } from "vitest";
import { CONNECTOR_CHECKS } from "./connector-checks.ts";
import { checksFor, runCheck } from "./connector-suite.ts";
import { ACP_MUTANTS } from "./mutants/acp-mutants.ts";
import { acpHarness } from "./rigs/acp-rig.ts";

describe("the connector suite, put to broken ACP connectors", () => {
  it("has one for every obligation", () => {
    const broken = new Set(ACP_MUTANTS.map(({ breaks }) => breaks));
    expect([...broken].sort()).toEqual([...new Set(CONNECTOR_CHECKS.map(({ id }) => id))].sort());
  });

  it.each(ACP_MUTANTS)("fails one that $name, on $breaks", { timeout: 60_000 }, async ({ breaks, create }) => {
    const harness = acpHarness(create);
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
