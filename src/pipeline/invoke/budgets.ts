import { setTimeout as pause } from "node:timers/promises";
import type { AgentDefinition, Budget } from "../../contracts/agent-definition.ts";
import type { Database } from "../../ledger/connection/database.ts";
import {
  lockBudget,
  readSpentToday,
  reserveBudget,
  type SpentToday,
  type UsageScope,
} from "../../ledger/usage-totals.ts";
import { subjectsOf } from "../render/spent.ts";
import type { TurnEnd, TurnEnds } from "../render/turn-ends.ts";
import type { WaitingTurn } from "../requests/turn-requests.ts";
import type { RunnableTurn } from "./runnable-turn.ts";

/** Looks before a turn is invoked whether its agent may spend any more for whom it would work, and reserves what it may need. */
export interface Budgets {
  /**
   * True when the turn must not begin: it was ended, and people are told why. Reads nothing for an agent without budgets.
   *
   * Where other turns may use up what is left, it waits up to 30 s for them to end; rejects when `wait.signal` aborts meanwhile.
   */
  stop(turn: RunnableTurn, wait: WaitingTurn): Promise<boolean>;
}

/** The nearest limit is named: that of the person, then the channel's, then the agent's. */
const ORDER: readonly UsageScope[] = ["person", "channel", "agent"];
/** Longest wait for other turns of the agent to tell what they used, in ms, and never more than half of the turn's time. */
const MAX_WAIT_MS = 30_000;
const LOOK_EVERY_MS = 500;
/** What a turn reserves of a limit where nothing is known of any turn before it. */
const UNKNOWN_SHARE = 10;

/** `reached`: by turns that are over. `reserved`: only together with what those at work may use. */
interface Limit {
  readonly kind: "reached" | "reserved";
  readonly today: SpentToday;
  readonly words: string;
}

/**
 * Creates the check of budgets: a turn that is at work is not cut, and who is over begins no other until the day (UTC) is over.
 *
 * Turns are weighed one at a time for an agent, each with what the others at work may use: as much each as its largest of late, or a tenth of the
 * limit where none is known. So a limit is passed by one turn at most, and by what turns use beyond that.
 */
export function createBudgets(database: Database, ends: TurnEnds): Budgets {
  async function weigh(
    turn: RunnableTurn,
    budgets: NonNullable<AgentDefinition["budgets"]>,
  ): Promise<Limit | undefined> {
    const { agentId } = turn.agent;
    return await database.transaction(async (tx) => {
      await lockBudget(tx, agentId);
      const spent = await readSpentToday(tx, { agentId, turnId: turn.turnId }, subjectsOf(turn));
      const limits = ORDER.flatMap((scope) => {
        const today = spent.find((one) => one.scope === scope);
        const limit = today === undefined ? undefined : limitOf(budgets[scope], today);
        return limit === undefined ? [] : [limit];
      });
      const limit = limits.find(({ kind }) => kind === "reached") ?? limits[0];
      if (limit === undefined) await reserveBudget(tx, turn.turnId, spent);
      return limit;
    });
  }

  return {
    async stop(turn, wait) {
      const { budgets } = turn.agent.definition;
      // A reply that came later was paid for when it was asked for.
      if (budgets === undefined || turn.deferredReply !== undefined) return false;
      if (ORDER.every((scope) => Object.keys(budgets[scope]).length === 0)) return false;
      const untilMs = performance.now() + Math.min(MAX_WAIT_MS, wait.remainingMs() / 2);
      let limit = await weigh(turn, budgets);
      if (limit?.kind === "reserved") {
        const end = wait.pause();
        try {
          while (limit?.kind === "reserved" && performance.now() < untilMs) {
            await pause(LOOK_EVERY_MS, undefined, { signal: wait.signal });
            limit = await weigh(turn, budgets);
          }
        } finally {
          end();
        }
      }
      if (limit === undefined) return false;
      await ends.commit(turn, toEnd(turn, limit));
      return true;
    },
  };
}

/** The limit that is reached, in words; undefined while there is something left. */
function limitOf({ turnsPerDay, tokensPerDay, usdPerDay }: Budget, today: SpentToday): Limit | undefined {
  if (turnsPerDay !== undefined && today.turns + today.at_work >= turnsPerDay)
    return { kind: "reached", today, words: `${number(turnsPerDay)} ${turnsPerDay === 1 ? "question" : "questions"}` };
  const kindOf = (most: number, spent: number, largest: number | null): Limit["kind"] | undefined => {
    if (spent >= most) return "reached";
    return spent + today.at_work * (largest ?? most / UNKNOWN_SHARE) >= most ? "reserved" : undefined;
  };
  const ofTokens = tokensPerDay === undefined ? undefined : kindOf(tokensPerDay, today.tokens, today.largest_tokens);
  const ofCost =
    usdPerDay === undefined
      ? undefined
      : kindOf(usdPerDay * 1_000_000, today.cost_micro_usd, today.largest_cost_micro_usd);
  const kind = ofTokens === "reached" || ofCost === "reached" ? "reached" : (ofTokens ?? ofCost);
  if (kind === undefined) return undefined;
  const isTokens = kind === ofTokens && tokensPerDay !== undefined;
  return {
    kind,
    today,
    words: isTokens ? `${number(tokensPerDay)} tokens` : `${(usdPerDay ?? 0).toFixed(2)} US dollars`,
  };
}

function number(value: number): string {
  return value.toLocaleString("en-GB");
}

function toEnd(turn: RunnableTurn, { kind, today, words }: Limit): TurnEnd {
  const { scope, subject, told, left_ms } = today;
  const { definition } = turn.agent;
  const isReached = kind === "reached";
  const markdown = !isReached
    ? busyNotice(definition, scope, words)
    : told
      ? shortNotice(definition, scope, left_ms)
      : notice(definition, scope, words, left_ms);
  // A schedule that fires asks for nothing: nobody waits who has not been told.
  const isHeard = !told || turn.reason !== "schedule";
  return {
    outcome: "cancelled",
    reason: `budget_${scope}`,
    parts: isHeard ? [{ type: "text", markdown }] : [],
    usage: undefined,
    consumed: [],
    stopped: { scope, subject, told: isReached },
  };
}

function busyNotice({ name }: AgentDefinition, scope: UsageScope, words: string): string {
  const whose: Record<UsageScope, string> = { person: " for one person", channel: " in one channel", agent: "" };
  return `What ${name} is at work on may use up all that it may do${whose[scope]} in a day (${words}). Ask again in a few minutes.`;
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
