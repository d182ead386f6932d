import type { Envelope } from "../../envelope/envelope.ts";
import type { ClaimedConversation } from "../../ledger/claims.ts";
import type { ExpressIntake, ExpressRow, IntakeRow } from "../../ledger/intake.ts";
import { keptDecisions } from "../../ledger/routing.ts";
import type { Transcripts } from "../assemble/transcripts.ts";
import type { RunnableTurn } from "../invoke/runnable-turn.ts";
import type { ConversationPlan, PlanContext, PlannedTurn } from "./conversation-plan.ts";
import { fromMachine } from "./decide.ts";
import { noLoopCounts } from "./loop-ledger.ts";
import { planConversation } from "./plan.ts";

/** Routes messages with their intake, where that needs nothing but the message: one commit instead of three, and no bell. */
export interface Express {
  /** What of these events may be routed by the commit of their intake; undefined when nothing may. */
  plan(events: readonly ExpressCandidate[]): PlannedExpress | undefined;
  /** From now on everything goes through the conversation's lease. */
  stop(): void;
}

export interface ExpressCandidate {
  readonly row: IntakeRow;
  readonly envelope: Envelope;
}

export interface PlannedExpress {
  readonly intake: ExpressIntake;
  /** Starts the turns of the events that the ledger found to be at rest; called exactly once, with an empty set when the commit failed. */
  settle(started: ReadonlySet<string>): void;
}

export interface ExpressOptions {
  readonly owner: string;
  readonly plan: Omit<PlanContext, "loops" | "takeSlot">;
  readonly slots: {
    readonly free: () => number;
    readonly used: (agentId: string) => number;
    readonly most: number;
  };
  readonly transcripts: Transcripts;
  readonly start: (planned: PlannedTurn, transcript: RunnableTurn["transcript"]) => void;
}

/** By how much clocks may differ where an event's age is judged without the ledger, in ms. */
const CLOCK_MARGIN_MS = 60_000;

export function createExpress(options: ExpressOptions): Express {
  let stopped = false;

  function planOne(
    { row, envelope }: ExpressCandidate,
    takeSlot: PlanContext["takeSlot"],
  ): ConversationPlan | undefined {
    const plan = planConversation(atRest(row, envelope), [envelope], {
      ...options.plan,
      loops: noLoopCounts(),
      takeSlot,
    });
    // Where an agent in shadow speaks is looked up by routing.
    const apart = plan.decisions.some(
      ({ agent, verdict, rule }) =>
        (verdict === "turn" || rule === "shadow_room_unknown") &&
        options.plan.directory.get(agent)?.definition.shadow !== undefined,
    );
    // Who asked a paused agent too is told by routing.
    if (apart || plan.paused.length > 0) return undefined;
    const startsAll = plan.turns.length > 0 && plan.turns.every((turn) => turn.row.start);
    const oneReply = new Set(plan.turns.map((turn) => turn.row.reply_conv)).size === 1;
    return startsAll && oneReply && plan.events.length === 1 && plan.failed.length === 0 ? plan : undefined;
  }

  return {
    plan(events) {
      if (stopped) return undefined;
      const taken = new Map<string, number>();
      let free = options.slots.free();
      const takeSlot = (agentId: string): boolean => {
        const used = options.slots.used(agentId) + (taken.get(agentId) ?? 0);
        if (free <= 0 || used >= options.slots.most) return false;
        free -= 1;
        taken.set(agentId, (taken.get(agentId) ?? 0) + 1);
        return true;
      };
      const perConversation = Map.groupBy(events, ({ row }) => row.conv);
      const plans = events
        .filter((one) => perConversation.get(one.row.conv)?.length === 1 && isSelfContained(one, options.plan))
        .flatMap((one) => {
          const plan = planOne(one, takeSlot);
          return plan === undefined ? [] : [{ one, plan, transcript: transcriptOf(one, plan, options.transcripts) }];
        });
      if (plans.length === 0) return undefined;
      return {
        intake: {
          owner: options.owner,
          rows: plans.map(({ one, plan }) => toRow(one, plan)),
          turns: plans.flatMap(({ plan }) => plan.turns.map((turn) => turn.row)),
        },
        settle(started) {
          for (const { one, plan, transcript } of plans)
            if (started.has(one.row.id)) for (const turn of plan.turns) options.start(turn, transcript);
        },
      };
    },
    stop() {
      stopped = true;
    },
  };
}

/** Whether its routing needs nothing from the ledger but that its conversation is at rest. Pure apart from the clock. */
function isSelfContained({ row, envelope }: ExpressCandidate, plan: ExpressOptions["plan"]): boolean {
  if (envelope.kind !== "message_created" || row.state !== "pending" || row.hold_ms > 0) return false;
  if (fromMachine(envelope) || envelope.cause !== undefined || envelope.body.replyToMessageId !== undefined)
    return false;
  // Without a name, who has answered in the thread decides.
  const named = envelope.body.mentions.agents.length > 0;
  if (!named && envelope.conversation.thread !== undefined) return false;
  return Date.now() - Date.parse(envelope.occurredAt) < plan.answerAgeMs - CLOCK_MARGIN_MS;
}

/** The conversation as the ledger must find it for the plan to hold. */
function atRest(row: IntakeRow, envelope: Envelope): ClaimedConversation {
  return {
    id: row.conv,
    organization_id: row.org,
    installation_id: row.inst,
    platform: row.platform,
    channel_id: row.channel,
    thread_id: row.thread,
    path: envelope.conversation,
    lease_epoch: 0,
    rings: 0,
    routed_order: null,
    archived: false,
    identity_in_channel: null,
    events: [
      {
        id: row.id,
        kind: row.kind,
        envelope,
        received_at: envelope.occurredAt,
        age_ms: 0,
        deleted: false,
        newer: null,
        target_agent: null,
        target_pending: null,
        target_turn: null,
        request: null,
      },
    ],
    open_turns: null,
    participants: null,
    taken_over: false,
    next_due_at: null,
  };
}

function toRow({ row, envelope }: ExpressCandidate, plan: ConversationPlan): ExpressRow {
  return {
    event: row.id,
    conv: row.conv,
    inst: row.inst,
    channel: row.channel,
    message: envelope.kind === "message_created" ? envelope.body.messageId : "",
    porder: row.porder,
    reply_conv: plan.turns[0]?.row.reply_conv ?? row.conv,
    open_turns: plan.turns.length,
    decisions: keptDecisions(plan.decisions),
  };
}

/** Read while the intake is committed: what was said before does not depend on it. */
function transcriptOf(
  { row }: ExpressCandidate,
  plan: ConversationPlan,
  transcripts: Transcripts,
): RunnableTurn["transcript"] {
  if (plan.turns.every((turn) => turn.agent.definition.historyMessages === 0)) return undefined;
  const transcript = transcripts.read({
    conversationId: row.conv,
    installationId: row.inst,
    channelId: row.channel,
    threadId: row.thread,
  });
  transcript.catch(() => undefined);
  return transcript;
}
