import type { AgentDefinition, Budget } from "../../contracts/agent-definition.ts";
import type { Database } from "../../ledger/connection/database.ts";
import { readSpentToday, type SpentToday, type UsageScope } from "../../ledger/usage-totals.ts";
import { subjectsOf } from "../render/spent.ts";
import type { TurnEnd, TurnEnds } from "../render/turn-ends.ts";
import type { RunnableTurn } from "./runnable-turn.ts";

/** Looks before a turn is invoked whether its agent may spend any more for whom it would work. */
export interface Budgets {
  /** True when the turn must not begin: it was ended, and people are told why. Reads nothing for an agent without budgets. */
  stop(turn: RunnableTurn): Promise<boolean>;
}

/** The nearest limit is named: that of the person, then the channel's, then the agent's. */
const ORDER: readonly UsageScope[] = ["person", "channel", "agent"];

/** Creates the check of budgets: a turn that is at work is not cut, and who is over begins no other until the day (UTC) is over. */
export function createBudgets(database: Database, ends: TurnEnds): Budgets {
  return {
    async stop(turn) {
      const { budgets } = turn.agent.definition;
      // A reply that came later was paid for when it was asked for.
      if (budgets === undefined || turn.deferredReply !== undefined) return false;
      const wanted = subjectsOf(turn).filter(({ scope }) => Object.keys(budgets[scope]).length > 0);
      if (wanted.length === 0) return false;
      const spent = await readSpentToday(database, { agentId: turn.agent.agentId, turnId: turn.turnId }, wanted);
      for (const scope of ORDER) {
        const today = spent.find((one) => one.scope === scope);
        const reached = today === undefined ? undefined : reachedLimit(budgets[scope], today);
        if (today === undefined || reached === undefined) continue;
        await ends.commit(turn, toEnd(turn, today, reached));
        return true;
      }
      return false;
    },
  };
}

/** The limit that is reached, in words; undefined while there is something left. */
function reachedLimit({ turnsPerDay, tokensPerDay, usdPerDay }: Budget, today: SpentToday): string | undefined {
  if (turnsPerDay !== undefined && today.turns >= turnsPerDay)
    return `${number(turnsPerDay)} ${turnsPerDay === 1 ? "question" : "questions"}`;
  if (tokensPerDay !== undefined && today.tokens >= tokensPerDay) return `${number(tokensPerDay)} tokens`;
  if (usdPerDay !== undefined && today.cost_micro_usd >= usdPerDay * 1_000_000)
    return `${usdPerDay.toFixed(2)} US dollars`;
  return undefined;
}

function number(value: number): string {
  return value.toLocaleString("en-GB");
}

function toEnd(turn: RunnableTurn, today: SpentToday, reached: string): TurnEnd {
  const { scope, subject, told, left_ms } = today;
  const markdown = told
    ? shortNotice(turn.agent.definition, scope, left_ms)
    : notice(turn.agent.definition, scope, reached, left_ms);
  // A schedule that fires asks for nothing: nobody waits who has not been told.
  const isHeard = !told || turn.reason !== "schedule";
  return {
    outcome: "cancelled",
    reason: `budget_${scope}`,
    parts: isHeard ? [{ type: "text", markdown }] : [],
    usage: undefined,
    consumed: [],
    stopped: { scope, subject },
  };
}

function notice({ name }: AgentDefinition, scope: UsageScope, reached: string, leftMs: number): string {
  const who: Record<UsageScope, string> = {
    person: `You have reached what ${name} may do for one person in a day: ${reached}.`,
    channel: `This channel has reached what ${name} may do in one channel in a day: ${reached}.`,
    agent: `${name} has reached what it may do in a day: ${reached}.`,
  };
  return `${who[scope]} It answers again after 00:00 UTC, in ${duration(leftMs)}.`;
}

function shortNotice({ name }: AgentDefinition, scope: UsageScope, leftMs: number): string {
  const whose: Record<UsageScope, string> = { person: "for you", channel: "in this channel", agent: "" };
  return `${name} has nothing left ${whose[scope]} today; it answers again in ${duration(leftMs)}.`.replace("  ", " ");
}

function duration(leftMs: number): string {
  const minutes = Math.max(1, Math.ceil(leftMs / 60_000));
  if (minutes < 60) return minutes === 1 ? "a minute" : `${minutes} minutes`;
  const hours = Math.ceil(minutes / 60);
  return hours === 1 ? "an hour" : `${hours} hours`;
}
