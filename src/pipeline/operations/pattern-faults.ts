import type { AgentDefinition } from "../../contracts/agent-definition.ts";

/** A repetition inside a repetition can take exponential time on hostile text, so it is refused. */
const NESTED_REPETITION = /\([^)]*[+*][^)]*\)\s*[+*{]|\\[1-9]|\(\?<?[=!]/;

/** Guarantees every fault of an agent's subscription patterns, each with its path within the definition. */
export function findPatternFaults(
  subscriptions: AgentDefinition["subscriptions"],
): readonly { readonly path: string; readonly problem: string }[] {
  return subscriptions.flatMap(({ pattern }, index) => {
    const path = `subscriptions.${index}.pattern`;
    if (NESTED_REPETITION.test(pattern))
      return [{ path, problem: "nested repetitions, back-references and look-arounds are not allowed" }];
    try {
      new RegExp(pattern, "iu");
      return [];
    } catch {
      return [{ path, problem: "is not a regular expression" }];
    }
  });
}
