import { AGENT_CHECKS } from "./checks.ts";
import { explainError } from "./mending.ts";
import { type AgentProbe, SECRET_WORD, type Verdict } from "./probe-turn.ts";

export type CheckResult = { readonly id: string; readonly title: string } & Verdict;

/** Runs every check against an agent, one after the other; what makes no sense with an agent that does not answer is left out. Never throws. */
export async function* runAgentChecks(given: AgentProbe): AsyncGenerator<CheckResult> {
  const heard: string[] = [];
  const probe: AgentProbe = { ...given, words: SECRET_WORD, hear: (line) => heard.push(line), said: () => heard };
  let isAnswering = true;
  for (const check of AGENT_CHECKS) {
    if (check.applies?.(probe) === false) continue;
    const { id, title } = check;
    if (!isAnswering) {
      yield { id, title, state: "skipped", detail: "it does not answer", mend: "Mend what failed above first." };
      continue;
    }
    const verdict = await check
      .run(probe)
      .catch((error: unknown): Verdict => ({ state: "failed", ...explainError(error) }));
    yield { id, title, ...verdict };
    if (verdict.state === "failed" && (id === "CO-ERR-01" || title.startsWith("it answers, "))) isAnswering = false;
  }
}
