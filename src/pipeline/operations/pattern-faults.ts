import { compileLinearPattern } from "../../access/linear-pattern.ts";
import type { AgentDefinition } from "../../contracts/agent-definition.ts";

/** Guarantees every fault of an agent's subscription patterns, each with its path within the definition. */
export function findPatternFaults(
  subscriptions: AgentDefinition["subscriptions"],
): readonly { readonly path: string; readonly problem: string }[] {
  return subscriptions.flatMap(({ pattern }, index) => {
    try {
      compileLinearPattern(pattern);
      return [];
    } catch (error) {
      const problem = error instanceof Error ? error.message : "cannot be matched";
      return [{ path: `subscriptions.${index}.pattern`, problem }];
    }
  });
}
