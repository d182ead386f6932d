import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { CONNECTOR_CHECKS } from "./connector-checks.ts";
import { checksFor, runCheck } from "./connector-suite.ts";
import { CONNECTOR_MUTANTS } from "./mutants/connectors/index.ts";
import type { ConnectorMutant } from "./mutants/connectors/mutant.ts";
import { webhookHarness } from "./rigs/webhook-rig.ts";

async function failedIds(mutant: ConnectorMutant): Promise<readonly string[]> {
  const harness = webhookHarness(mutant.create);
  const failed = new Set<string>();
  for (const check of checksFor(harness)) {
    // One broken obligation is enough to know; the rest of its checks would wait for what never comes.
    if (!failed.has(check.id)) await runCheck(check, harness).catch(() => failed.add(check.id));
  }
  return [...failed].sort();
}

describe("the connector suite", () => {
  it("has a check for every obligation of the contract, and none for others", async () => {
    const contract = await readFile(new URL("../../src/contracts/connector.ts", import.meta.url), "utf8");
    const obligations = [...contract.matchAll(/Contract: (CO-[A-Z]+-\d+)/g)].map((match) => match[1]);
    expect(obligations.length).toBeGreaterThan(0);
    expect([...new Set(CONNECTOR_CHECKS.map((check) => check.id))].sort()).toEqual(
      obligations.toSorted((a = "", b = "") => a.localeCompare(b)),
    );
  });

  it("has a broken connector for every obligation", () => {
    const broken = new Set(CONNECTOR_MUTANTS.flatMap((mutant) => mutant.breaks));
    expect([...broken].sort()).toEqual([...new Set(CONNECTOR_CHECKS.map((check) => check.id))].sort());
  });

  it.each(CONNECTOR_MUTANTS)("fails a connector that $name, on $breaks alone", { timeout: 60_000 }, async (mutant) => {
    expect(await failedIds(mutant)).toEqual([...mutant.breaks].sort());
  });
});
