import type { TextDigest } from "../../access/text-digest.ts";
import type { ChatAdapter } from "../../contracts/adapter.ts";
import type { Logger } from "../../contracts/logger.ts";
import type { ReplyPart } from "../../envelope/reply.ts";
import type { Usage } from "../../envelope/reply-event.ts";
import { ParleyError } from "../../errors/parley-error.ts";
import type { Database } from "../../ledger/connection/database.ts";
import {
  commitReplies,
  type NewDeadLetterRow,
  type NewDeliveryRow,
  type NewRequestRow,
  type SendingDelivery,
  type TurnEndRow,
} from "../../ledger/replies.ts";
import type { NewId } from "../../ledger/row-ids.ts";
import { retryDeadlocks } from "../../ledger/sql-states.ts";
import { createBatcher } from "../batcher.ts";
import type { Directory } from "../directory.ts";
import type { RunnableTurn } from "../invoke/runnable-turn.ts";
import { isShadowed } from "../invoke/shadow.ts";
import { renderReply } from "../requests/render-reply.ts";
import { followUpOf } from "./follow-up.ts";
import { plainText } from "./plain-text.ts";
import type { ShadowGuard } from "./shadow-guard.ts";
import type { SourceGuard } from "./source-guard.ts";
import { type BudgetStop, spentBy, usageOfFailure } from "./spent.ts";

export interface TurnEnd {
  readonly outcome: TurnEndRow["outcome"];
  readonly reason: string | null;
  readonly parts: readonly ReplyPart[];
  readonly usage: Usage | undefined;
  readonly consumed: readonly string[];
  /** Ids of the messages that the agent was given; default none. */
  readonly context?: readonly string[];
  /** The limit that kept its agent from beginning. Default: none did. */
  readonly stopped?: BudgetStop;
}

/** Renders how turns end and commits them with their outbox rows, many turns to a commit. */
export interface TurnEnds {
  /** False when the turn was taken over or stopped meanwhile; then nothing was stored. */
  commit(turn: RunnableTurn, end: TurnEnd): Promise<boolean>;
  /** One clear notice in the conversation and one dead letter. */
  commitFailure(
    turn: RunnableTurn,
    error: ParleyError,
    consumed: readonly string[],
    context: readonly string[],
  ): Promise<boolean>;
  /** Ends a turn whose agent was removed: nobody is left to answer, or to say so. */
  commitWithoutAgent(turn: { readonly id: string; readonly epoch: number }): Promise<boolean>;
  /** The `state:reason` with which a turn was asked to stop, if it was and is still ours. */
  cancelRequest(turn: RunnableTurn): Promise<string | undefined>;
  settle(): Promise<void>;
}

export interface TurnEndsOptions {
  readonly database: Database;
  readonly owner: string;
  readonly newId: NewId;
  readonly logger: Logger;
  readonly directory: Directory;
  readonly adapter: (platform: string) => ChatAdapter;
  /** Whether this process sends, or leaves that to processes with the delivery role. */
  readonly deliver: boolean;
  readonly dispatch: (deliveries: readonly SendingDelivery[], markedAtMs: number) => void;
  readonly digest: TextDigest;
  /** What a turn that has read elsewhere may say here. */
  readonly sourceGuard: SourceGuard;
  /** What a turn of an agent in shadow says in its review room. */
  readonly shadowGuard: ShadowGuard;
  /** Called when a turn has ended whose reply is for one person alone. */
  readonly onWithheld: (turnId: string) => void;
  /** Called when a commit left work for routing. */
  readonly wake: () => void;
  /** Called with the conversations of turns that ended without a word just now. */
  readonly onSilentEnd: (conversationIds: ReadonlySet<string>) => void;
}

interface EndItem {
  /** Where its answer goes; of a turn that says nothing, something of its own. */
  readonly conversationId: string;
  readonly turn: TurnEndRow;
  readonly deliveries: readonly NewDeliveryRow[];
  readonly requests: readonly NewRequestRow[];
  readonly deadLetter: NewDeadLetterRow | undefined;
}

/** Ends of different turns do not depend on each other. */
const LANES = 2;
const MAX_BATCH = 200;
const COMMIT_RETRY_MS = [200, 500, 1_000, 2_000, 4_000, 8_000, 15_000] as const;

export function createTurnEnds(options: TurnEndsOptions): TurnEnds {
  const { database, owner } = options;
  const batcher = createBatcher<EndItem, boolean>({
    maxItems: MAX_BATCH,
    lanes: LANES,
    // Two answers that are committed at once do not see each other, and their parts would be sent in turns.
    key: (item) => item.conversationId,
    isolate: (error) => !(error instanceof ParleyError),
    flush: async (items) => {
      const markedAtMs = performance.now();
      const { ended, endedIn, sending } = await retryDeadlocks(() =>
        commitReplies(database, {
          owner,
          turns: items.map((item) => item.turn),
          deliveries: items.flatMap((item) => item.deliveries),
          deadLetters: items.flatMap((item) => (item.deadLetter === undefined ? [] : [item.deadLetter])),
          requests: items.flatMap((item) => item.requests),
          deliver: options.deliver,
        }),
      );
      options.dispatch(sending, markedAtMs);
      if (items.some((item) => item.turn.posts === 0 || item.turn.consumed.length > 0)) options.wake();
      options.onSilentEnd(endedIn);
      return items.map((item) => ended.has(item.turn.id));
    },
  });

  /** The ledger may be away for a while; the turn is ours until our heartbeat stops, so the answer is kept and committed when it is back. */
  async function add(item: EndItem): Promise<boolean> {
    for (const pauseMs of COMMIT_RETRY_MS) {
      try {
        return await batcher.add(item);
      } catch (error) {
        if (!(error instanceof ParleyError) || error.code !== "LEDGER_UNAVAILABLE") throw error;
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
    }
    return await batcher.add(item);
  }

  function rowsOf(turn: RunnableTurn, given: TurnEnd): EndItem {
    const end = { ...given, parts: given.parts.map((part) => whereItCanGo(part, otherHandles(turn))) };
    const { posts, requests } = renderReply(end.parts, {
      adapter: options.adapter(turn.platform),
      context: {
        identity: turn.agent.identity,
        conversation: turn.replyPath,
        mentionable: turn.envelope.sender.kind === "human" && !isShadowed(turn) ? [turn.envelope.sender.id] : [],
      },
      asks: end.outcome === "answered",
      epoch: turn.epoch,
      newId: options.newId,
      digest: options.digest,
    });
    return {
      conversationId: turn.replyConversationId,
      turn: {
        id: turn.turnId,
        epoch: turn.epoch,
        outcome: end.outcome,
        reason: end.reason,
        reply: { parts: end.parts.map(withoutBytes) },
        usage: end.usage ?? null,
        follow_up:
          end.outcome === "answered" && !isShadowed(turn)
            ? followUpOf(turn, end.parts, options.newId("e"), otherHandles(turn))
            : null,
        posts: posts.length,
        consumed: end.consumed,
        context: end.context ?? [],
        digest: posts.length === 0 ? null : options.digest(posts.map((post) => post.fallbackText).join("\n")),
        spent: spentBy(turn, end),
      },
      deliveries: posts.map((post, ord) => ({
        id: options.newId("d"),
        turn: turn.turnId,
        ord,
        body: post.body,
        fallback: post.fallbackText,
        key: `${turn.turnId}:${ord}`,
        request: post.request,
      })),
      requests: requests.map((request) => ({ ...request, turn: turn.turnId })),
      deadLetter: undefined,
    };
  }

  async function shown(turn: RunnableTurn, end: TurnEnd): Promise<TurnEnd> {
    return isShadowed(turn) ? await options.shadowGuard.check(turn, end) : end;
  }

  function otherHandles(turn: RunnableTurn): ReadonlySet<string> {
    return new Set(
      options.directory
        .list(turn.organizationId)
        .filter((agent) => agent.agentId !== turn.agent.agentId)
        .map((agent) => agent.handle),
    );
  }

  return {
    async commit(turn, end) {
      if (turn.sources.isEmpty) return await add(rowsOf(turn, await shown(turn, end)));
      const checked = await options.sourceGuard.check(turn, end);
      const ended = await add(rowsOf(turn, await shown(turn, checked)));
      if (ended && checked !== end) options.onWithheld(turn.turnId);
      return ended;
    },
    async commitFailure(turn, thrown, consumed, context) {
      // What an agent failed with could hold what it has read elsewhere.
      const error = turn.sources.isEmpty ? thrown : new ParleyError(thrown.code);
      const message = noticeOf(turn, error);
      const part: ReplyPart = { type: "error", code: error.code, message, retryable: error.row.retry !== "never" };
      const usage = usageOfFailure(thrown);
      const end = { outcome: "dead_lettered" as const, reason: error.code, parts: [part], usage, consumed, context };
      const item = rowsOf(turn, await shown(turn, end));
      const reason = plainText(error.detail ?? error.row.userText);
      return await add({
        ...item,
        deadLetter: { id: options.newId("x"), turn: turn.turnId, stage: "invoke", code: error.code, reason },
      });
    },
    commitWithoutAgent({ id, epoch }) {
      const turn: TurnEndRow = {
        id,
        epoch,
        outcome: "cancelled",
        reason: "agent_removed",
        reply: null,
        usage: null,
        follow_up: null,
        posts: 0,
        consumed: [],
        context: [],
        digest: null,
        spent: null,
      };
      return add({ conversationId: id, turn, deliveries: [], requests: [], deadLetter: undefined });
    },
    async cancelRequest(turn) {
      const [row] = await database.query<{ cancel_requested: string | null }>(
        {
          text: "select cancel_requested from turns where id = $1 and epoch = $2 and owner = $3 and state = 'running'",
        },
        [turn.turnId, turn.epoch, owner],
      );
      return row?.cancel_requested ?? undefined;
    },
    settle: () => batcher.settle(),
  };
}

/** A handover to nobody is said to be one, so that people do not wait for an answer that cannot come. */
function whereItCanGo(part: ReplyPart, others: ReadonlySet<string>): ReplyPart {
  if (part.type !== "handoff" || others.has(part.agent)) return part;
  const message = `There is no agent @${part.agent} here to hand over to.`;
  return { type: "error", code: "NOT_FOUND", message, retryable: false };
}

/** The reply as the ledger keeps it for explanations; the bytes of artifacts are in the outbox alone. */
function withoutBytes(part: ReplyPart): unknown {
  return part.type === "artifact" ? { ...part, base64: "" } : part;
}

/** What people read: never the detail of a failure, except what is missing from the set-up, which somebody there may be able to mend. */
function noticeOf(turn: RunnableTurn, error: ParleyError): string {
  const { name } = turn.agent.identity;
  if (error.code === "WORKER_STOPPED") return `${name} ${error.row.userText}`;
  if (error.row.fault !== "agent") return `${name} could not answer because something went wrong inside Parley.`;
  const hint = error.code === "AGENT_NOT_CONFIGURED" && error.detail !== undefined ? ` (${error.detail})` : "";
  return `${name} ${error.row.userText}${hint}`;
}
