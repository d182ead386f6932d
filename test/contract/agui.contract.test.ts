import { describe, expect, it } from "vitest";
import { createAguiConnector } from "../../agents/agui/index.ts";
import { AGUI_CHECKS, inConversation } from "./agui-checks.ts";
import { describeConnectorContract } from "./connector-suite.ts";
import { AGUI_MUTANTS, type AguiMutant } from "./mutants/connectors/agui-mutants.ts";
import { aguiHarness } from "./rigs/agui-rig.ts";

describeConnectorContract(aguiHarness(createAguiConnector));

async function failedIds({ create }: AguiMutant): Promise<readonly string[]> {
  const failed = new Set<string>();
  for (const check of AGUI_CHECKS)
    if (!failed.has(check.id))
      await inConversation(create, (conversation) => check.run(conversation)).catch(() => failed.add(check.id));
  return [...failed].sort();
}

describe("the AG-UI connector's own rules", () => {
  for (const check of AGUI_CHECKS) {
    it(`${check.id} ${check.title}`, () =>
      expect(inConversation(createAguiConnector, (conversation) => check.run(conversation))).resolves.toBeUndefined());
  }

  it("have a broken connector each", () => {
    const rules = new Set(AGUI_CHECKS.map((check) => check.id));
    expect(new Set(AGUI_MUTANTS.flatMap((mutant) => mutant.breaks))).toEqual(rules);
  });

  it.each(AGUI_MUTANTS)("fail a connector that $name, on $breaks alone", async (mutant) => {
    expect(await failedIds(mutant)).toEqual([...mutant.breaks].sort());
  });
});
