import { describe, expect, it } from "vitest";
import { createSocketConnector } from "../../agents/socket/index.ts";
import { describeConnectorContract } from "./connector-suite.ts";
import { DIAL_IN_CHECKS, runDialInCheck } from "./dial-in-checks.ts";
import { DIAL_IN_MUTANTS } from "./mutants/dial-in-mutants.ts";
import { socketHarness } from "./rigs/socket-rig.ts";

describeConnectorContract(socketHarness(createSocketConnector));

describe("the rules of the dial-in protocol", () => {
  it.each(DIAL_IN_CHECKS)("$id: $title", async (check) => {
    await expect(runDialInCheck(check)).resolves.toBeUndefined();
  });

  it("has a broken hub for every rule", () => {
    const broken = new Set(DIAL_IN_MUTANTS.flatMap(({ breaks }) => breaks));
    expect([...broken].sort()).toEqual(DIAL_IN_CHECKS.map(({ id }) => id).sort());
  });

  it.each(DIAL_IN_MUTANTS)(
    "fails a hub that $name, on $breaks alone",
    { timeout: 60_000 },
    async ({ breaks, port }) => {
      const failed: string[] = [];
      for (const check of DIAL_IN_CHECKS) await runDialInCheck(check, port).catch(() => failed.push(check.id));
      expect(failed.sort()).toEqual([...breaks].sort());
    },
  );
});
