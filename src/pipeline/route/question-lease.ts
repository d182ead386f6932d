import type { TurnReason } from "../../contracts/connector.ts";
import type { DirectoryAgent } from "../directory.ts";
import type { Decision } from "./decide.ts";

interface Decided {
  readonly agent: DirectoryAgent;
  readonly decision: Decision;
}

/** Reasons by which an agent hears a message that was not put to it. */
const NOT_ADDRESSED: ReadonlySet<TurnReason> = new Set(["thread_participant", "subscription"]);

/**
 * Lets one agent have a question that was put to nobody: of those in the thread the one whose turn there is newest, else the first in the directory.
 *
 * Whoever was addressed answers whatever others do; agents in shadow, of whom the conversation hears nothing, neither take the lease nor need it. Pure.
 */
export function leaseQuestion(decided: readonly Decided[], participants: readonly string[]): readonly Decided[] {
  const rivals = decided.filter(
    ({ agent, decision }) =>
      decision.reason !== undefined && NOT_ADDRESSED.has(decision.reason) && agent.definition.shadow === undefined,
  );
  if (rivals.length < 2 && !decided.some((one) => isAddressed(one))) return decided;
  const rank = ({ agent, decision }: Decided): number => {
    const place = participants.indexOf(agent.agentId);
    return decision.reason === "thread_participant" && place >= 0 ? place : participants.length;
  };
  const holder = decided.some((one) => isAddressed(one))
    ? undefined
    : rivals.toSorted((one, other) => rank(one) - rank(other))[0];
  const taken = new Set(rivals.filter((rival) => rival !== holder));
  return decided.map((one) =>
    taken.has(one)
      ? { agent: one.agent, decision: { agentId: one.agent.agentId, verdict: "no", rule: "another_agent_answers" } }
      : one,
  );
}

function isAddressed({ agent, decision }: Decided): boolean {
  return (
    decision.verdict === "turn" &&
    decision.reason !== undefined &&
    !NOT_ADDRESSED.has(decision.reason) &&
    agent.definition.shadow === undefined
  );
}
