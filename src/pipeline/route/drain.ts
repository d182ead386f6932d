import type { Logger } from "../../contracts/logger.ts";
import type { Metrics } from "../../contracts/metrics.ts";
import type { Envelope } from "../../envelope/envelope.ts";
import { type ClaimedConversation, claimDue, MAX_EVENTS_PER_CLAIM } from "../../ledger/claims.ts";
import type { Database } from "../../ledger/connection/database.ts";
import { commitRouting, HOLD_MS, type StartedTurn } from "../../ledger/routing.ts";
import { isUniqueViolation, retryDeadlocks } from "../../ledger/sql-states.ts";
import type { Transcripts } from "../assemble/transcripts.ts";
import type { RunnableTurn } from "../invoke/runnable-turn.ts";
import type { ConversationPlan, PlanContext, PlannedTurn } from "./conversation-plan.ts";
import { loadLoopCounts } from "./loop-ledger.ts";
import { planConversation } from "./plan.ts";
import { createQueueWatch } from "./queue-watch.ts";
import type { SenderClasses } from "./sender-classes.ts";

export interface Drain {
  /** Says that there may be work; never waits. */
  wake(): void;
  /** Says that a turn ended: goes on if it was only slots that were missing. */
  slotFreed(): void;
  /** Says that a turn ended, or a write was sent, in these conversations: what was queued behind it may start. */
  moved(conversationIds: Iterable<string>): void;
  /** Stops taking work and resolves when the round under way is committed. */
  stop(): Promise<void>;
}

export interface DrainOptions {
  readonly database: Database;
  readonly owner: string;
  /** The platforms that this process has an adapter of. */
  readonly platforms: readonly string[];
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly plan: Omit<PlanContext, "loops" | "takeSlot">;
  /** How many more turns this process can run now (routing waits while there are none), how many of an agent it runs, and how many of one it may. */
  readonly slots: {
    readonly free: () => number;
    readonly used: (agentId: string) => number;
    readonly most: number;
  };
  readonly transcripts: Transcripts;
  readonly classes: SenderClasses;
  /** Does what commands ask of Parley itself, before their events are routed; done twice, it changes nothing. */
  readonly carryOut: (claimed: readonly ClaimedConversation[]) => Promise<void>;
  /** Takes over turns that are running now. */
  readonly startTurns: (
    planned: readonly { turn: PlannedTurn; started: StartedTurn; transcript: RunnableTurn["transcript"] }[],
    promoted: readonly StartedTurn[],
  ) => void;
  /** Keeps an event that could not be routed as a dead letter. */
  readonly onUnroutable: (eventId: string, error: unknown) => void;
  /** Tells owners of cancelled turns, and answers commands, after the commit. */
  readonly afterCommit: (plans: readonly ConversationPlan[]) => void;
}

/** Conversations per commit; many conversations share one, which is what makes routing cheap. */
const MAX_CONVERSATIONS = 200;
const RETRY_AFTER_ERROR_MS = 250;
/** How soon a conversation is looked at again whose agent has its share of slots in use, in ms. */
const STARVED_AGAIN_MS = 1_000;

/** Creates the loop that routes due conversations in order, many to a commit, for as long as there are any. */
export function createDrain(options: DrainOptions): Drain {
  const { database, owner, logger } = options;
  const queue = createQueueWatch({ database, logger, wake });
  let dirty = false;
  let stopped = false;
  let full = false;
  let running: Promise<void> | undefined;

  async function run(): Promise<void> {
    while (dirty && !stopped) {
      dirty = false;
      try {
        while (!stopped && (await round())) {
          // Another round as long as the last one found work.
        }
      } catch (error) {
        logger.warn({ err: error }, "routing failed; trying again");
        wakeIn(RETRY_AFTER_ERROR_MS);
      }
    }
  }

  async function round(): Promise<boolean> {
    const limit = Math.min(MAX_CONVERSATIONS, options.slots.free());
    full = limit <= 0;
    if (full) return false;
    const claimed = await claimDue(database, {
      owner,
      limit,
      platforms: options.platforms,
    });
    if (claimed.length === 0) return false;
    const unsure = options.classes.unsure(claimed);
    await options.carryOut(unsure.size === 0 ? claimed : claimed.map((one) => without(one, unsure)));
    const envelopes = new Map(
      claimed.map((conversation) => [
        conversation.id,
        (conversation.events ?? []).map((event) => event.envelope as Envelope),
      ]),
    ); // validated at ingest
    const flat = claimed.flatMap((conversation) =>
      (conversation.events ?? []).map((event) => ({ id: event.id, envelope: event.envelope as Envelope })),
    ); // validated at ingest
    const loops = await loadLoopCounts(database, flat, options.plan.limits.pairWindowMs);
    await options.plan.reviewRooms.load();
    const taken = new Map<string, number>();
    const takeSlot = (agentId: string): boolean => {
      const used = options.slots.used(agentId) + (taken.get(agentId) ?? 0);
      if (used >= options.slots.most) return false;
      taken.set(agentId, (taken.get(agentId) ?? 0) + 1);
      return true;
    };
    const plans = claimed.map((conversation) =>
      planConversation(conversation, envelopes.get(conversation.id) ?? [], {
        ...options.plan,
        loops,
        takeSlot,
        unsure,
      }),
    );
    const queued = await commit(plans, readTranscripts(plans));
    // What comes meanwhile rings; another look is only for what this round is known to have left.
    return queued || claimed.length >= limit || claimed.some(isHot);
  }

  /** What the turns' agents will be given is read while the turns are committed. */
  function readTranscripts(plans: readonly ConversationPlan[]): ReadonlyMap<string, RunnableTurn["transcript"]> {
    const wanted = plans.filter((plan) => plan.turns.some((turn) => turn.agent.definition.historyMessages > 0));
    return new Map(
      wanted.map(({ claimed }) => {
        const { id, installation_id: installationId, channel_id: channelId, thread_id: threadId } = claimed;
        const transcript = options.transcripts.read({ conversationId: id, installationId, channelId, threadId });
        // Turns that were not committed do not wait for it; those that were learn of the failure.
        transcript.catch(() => undefined);
        return [id, transcript];
      }),
    );
  }

  /** True when turns were only queued although they could start, so that there is something to promote at once. */
  async function commit(
    plans: readonly ConversationPlan[],
    transcripts: ReadonlyMap<string, RunnableTurn["transcript"]>,
  ): Promise<boolean> {
    let queued = false;
    const result = await commitPlans(plans, true).catch((error: unknown) => {
      if (!isUniqueViolation(error)) throw error;
      queued = true;
      // Another process started one of these agents in the same conversation: let every turn queue, the next round promotes.
      return commitPlans(plans, false);
    });
    const held = plans.filter((plan) => result.held.has(plan.claimed.id));
    const planned = new Map(held.flatMap((plan) => plan.turns).map((turn) => [turn.row.id, turn]));
    const replyConvs = new Map([...planned].map(([id, turn]) => [id, turn.row.reply_conv]));
    const fresh: Parameters<DrainOptions["startTurns"]>[0][number][] = [];
    const promoted: StartedTurn[] = [];
    queue.queued(
      result.turns
        .filter(({ state }) => state === "queued")
        .map(({ id, conv }) => ({ id, conv: replyConvs.get(id) ?? conv })),
    );
    for (const started of result.turns) {
      if (started.state !== "running") continue;
      const turn = planned.get(started.id);
      if (turn === undefined) promoted.push(started);
      else fresh.push({ turn, started, transcript: transcripts.get(turn.row.conv) });
    }
    for (const rule of held.flatMap((plan) => plan.suppressed)) options.metrics.loopSuppressed(rule);
    options.startTurns(fresh, promoted);
    options.afterCommit(held);
    for (const { eventId, error } of held.flatMap((plan) => plan.failed)) options.onUnroutable(eventId, error);
    scheduleNext(held);
    return queued;
  }

  function commitPlans(plans: readonly ConversationPlan[], start: boolean): ReturnType<typeof commitRouting> {
    const commit = {
      owner,
      conversations: plans.map(({ claimed, starved, held, takenOver }) => ({
        id: claimed.id,
        epoch: claimed.lease_epoch,
        rings: claimed.rings,
        routed: lastOrder(claimed),
        next_due: claimed.next_due_at?.toISOString() ?? null,
        again_ms: !start || isHot(claimed) ? 0 : held ? HOLD_MS : starved ? STARVED_AGAIN_MS : null,
        taken_over: takenOver ?? null,
      })),
      events: plans.flatMap((plan) => plan.events),
      decisions: plans.flatMap((plan) => plan.decisions),
      turns: plans.flatMap((plan) => plan.turns.map((turn) => (start ? turn.row : { ...turn.row, start: false }))),
      promote: start
        ? plans.flatMap((plan) =>
            plan.promote.map(({ turn, timeoutMs }) => ({ id: turn.id, conv: plan.claimed.id, timeout_ms: timeoutMs })),
          )
        : [],
      cancel: plans.flatMap((plan) => plan.cancel),
    };
    return retryDeadlocks(() => commitRouting(database, commit));
  }

  function scheduleNext(plans: readonly ConversationPlan[]): void {
    const next = plans.map((plan) => plan.claimed.next_due_at?.getTime()).filter((time) => time !== undefined);
    if (plans.some((plan) => plan.held)) wakeIn(HOLD_MS + 10);
    if (next.length > 0) wakeIn(Math.max(1, Math.min(...next) - Date.now() + 2));
  }

  function wakeIn(delayMs: number): void {
    if (stopped) return;
    setTimeout(wake, delayMs).unref();
  }

  function wake(): void {
    dirty = true;
    if (stopped) return;
    running ??= run().finally(() => {
      running = undefined;
      if (dirty && !stopped) wake();
    });
  }

  return {
    wake,
    slotFreed() {
      if (full) wake();
    },
    moved: (conversationIds) => queue.moved(conversationIds),
    async stop() {
      stopped = true;
      await running;
      await queue.settle();
    },
  };
}

function without(claimed: ClaimedConversation, unsure: ReadonlySet<string>): ClaimedConversation {
  return { ...claimed, events: claimed.events?.filter(({ id }) => !unsure.has(id)) ?? null };
}

/** It may have more events than one claim brings. */
function isHot(claimed: ClaimedConversation): boolean {
  return (claimed.events?.length ?? 0) >= MAX_EVENTS_PER_CLAIM;
}

function lastOrder(claimed: ClaimedConversation): string | null {
  const last = claimed.events?.at(-1)?.envelope as Envelope | undefined; // validated at ingest
  return last?.platformOrder ?? null;
}
