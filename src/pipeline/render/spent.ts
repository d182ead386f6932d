import type { Usage } from "../../envelope/reply-event.ts";
import type { ParleyError } from "../../errors/parley-error.ts";
import type { SpentRow, UsageScope } from "../../ledger/usage-totals.ts";
import type { RunnableTurn } from "../invoke/runnable-turn.ts";

/** Whose limit kept a turn from beginning. */
export interface BudgetStop {
  readonly scope: UsageScope;
  readonly subject: string;
  /** People are told that the limit is reached, which is said in full once a day. */
  readonly told: boolean;
}

/** For whom a turn spends: its agent, the person who asked (or who asked the agent that asked), and the channel it was asked in. */
export function subjectsOf(turn: RunnableTurn): readonly Pick<SpentRow, "scope" | "subject" | "root">[] {
  const { sender, conversation } = turn.envelope;
  const isPerson = sender.kind === "human" || sender.kind === "external_guest";
  return [
    { scope: "agent", subject: "", root: null },
    isPerson
      ? { scope: "person", subject: `${turn.installationId}/${sender.id}`, root: null }
      : { scope: "person", subject: null, root: turn.rootEventId },
    { scope: "channel", subject: `${turn.installationId}/${conversation.channel.id}`, root: null },
  ];
}

/** What the end of a turn adds to the totals of the day; null when that is nothing: no budget is kept and no usage was told. */
export function spentBy(
  turn: RunnableTurn,
  end: { readonly usage: Usage | undefined; readonly stopped?: BudgetStop | undefined },
): readonly SpentRow[] | null {
  const nothing = { turns: 0, input: 0, output: 0, cost: 0, told: false };
  if (end.stopped !== undefined) return [{ ...nothing, ...end.stopped, root: null }];
  if (end.usage === undefined && turn.agent.definition.budgets === undefined) return null;
  const { inputTokens = 0, outputTokens = 0, costMicroUsd = 0 } = end.usage ?? {};
  const spent = { ...nothing, turns: 1, input: inputTokens, output: outputTokens, cost: costMicroUsd };
  return subjectsOf(turn).map((subject) => ({ ...subject, ...spent }));
}

/** What was used by an agent that failed, where it said so. */
export function usageOfFailure({ facts }: ParleyError): Usage | undefined {
  const { inputTokens, outputTokens, costMicroUsd } = facts;
  if (typeof inputTokens !== "number" || typeof outputTokens !== "number") return undefined;
  return { inputTokens, outputTokens, ...(typeof costMicroUsd === "number" && { costMicroUsd }) };
}
