import { setTimeout as pause } from "node:timers/promises";
import type { MemberFacts } from "../../access/member-facts.ts";
import type { ChatAdapter } from "../../contracts/adapter.ts";
import type { JsonValue } from "../../contracts/json.ts";
import type { ConversationPath } from "../../envelope/conversation.ts";
import type { ReplyPart } from "../../envelope/reply.ts";
import { appendAudit } from "../../ledger/audit-log.ts";
import type { Database, SqlRunner } from "../../ledger/connection/database.ts";
import type { NewId } from "../../ledger/row-ids.ts";
import { addToolPosts, type PostState, readToolPosts, takeWrite, type WriteSlot } from "../../ledger/turn-writes.ts";
import type { RunnableTurn } from "../invoke/runnable-turn.ts";
import { isShadowed } from "../invoke/shadow.ts";
import { checkAudience } from "../render/audience-check.ts";
import { type ToolError, TURN_OVER, toolError } from "./tool-answer.ts";
import type { ToolCall } from "./tool-spec.ts";

export interface WriterPorts {
  readonly database: Database;
  readonly owner: string;
  readonly facts: MemberFacts;
  readonly adapter: (platform: string) => ChatAdapter;
  readonly newId: NewId;
  /** Says that a conversation's outbox has work. */
  readonly ringOutbox: (conversationId: string) => void;
}

/** What a turn does in front of others: each call once, in the order of the calls, at most 20 of them, and only while the turn is ours. */
export interface TurnWriter {
  /** Takes the write of a call and does what goes with it in the same transaction; the slot of an earlier attempt where that made the same call. */
  take(
    tool: string,
    call: ToolCall,
    work: (tx: SqlRunner, ordinal: number) => Promise<void>,
  ): Promise<Extract<WriteSlot, { state: "new" | "known" }> | ToolError>;
  /** Posts in a conversation of the turn's channel and waits a moment for the platform's receipt. */
  post(tool: string, call: ToolCall, what: PostRequest): Promise<PostedCall | ToolError>;
  /** Why the turn may say nothing beside its reply; undefined when it may. */
  silence(tool: string): Promise<ToolError | undefined>;
}

export interface PostRequest {
  readonly conversationId: string;
  readonly path: ConversationPath;
  readonly parts: readonly ReplyPart[];
  /** The message that it answers, where the platform shows that. */
  readonly replyTo?: string;
  /** Is done before the post is stored, in its transaction. */
  readonly prepare?: (tx: SqlRunner) => Promise<void>;
}

export interface PostedCall {
  readonly ordinal: number;
  readonly posts: readonly PostState[];
}

/** Writes that one turn may make by its tools. */
export const MAX_WRITES = 20;
const RECEIPT_WAIT_MS = 8_000;
const LOOK_EVERY_MS = 100;
const OPEN_STATES: ReadonlySet<string> = new Set(["pending", "sending", "open", "unknown"]);

export function createTurnWriter(ports: WriterPorts, turn: RunnableTurn): TurnWriter {
  const { database, owner } = ports;
  const fence = { turnId: turn.turnId, epoch: turn.epoch, owner };
  let last: Promise<unknown> = Promise.resolve();

  /** One after another, so that what others see comes in the order of the calls. */
  function inOrder<T>(work: () => Promise<T>): Promise<T> {
    const done = last.then(work, work);
    last = done.catch(() => undefined);
    return done;
  }

  const take: TurnWriter["take"] = async (tool, call, work) => {
    const slot = await inOrder(() =>
      database.transaction(async (tx) => {
        const { organizationId } = turn;
        const taken = await takeWrite(tx, { fence, organizationId, key: call.key, tool, most: MAX_WRITES });
        if (taken.state === "new") await work(tx, taken.ordinal);
        return taken;
      }),
    );
    if (slot.state === "over") return TURN_OVER;
    if (slot.state === "full")
      return toolError(`a turn may write ${MAX_WRITES} times by its tools; say the rest in your reply`);
    return slot;
  };

  async function receipts(ordinal: number, signal: AbortSignal): Promise<readonly PostState[]> {
    const until = performance.now() + RECEIPT_WAIT_MS;
    for (;;) {
      const posts = await readToolPosts(database, turn.turnId, ordinal);
      const open = posts.some(({ state }) => OPEN_STATES.has(state));
      if (!open || signal.aborted || performance.now() > until) return posts;
      await pause(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  return {
    take,
    async silence(tool) {
      if (isShadowed(turn)) return toolError("you are in shadow here: you say what you would say in your reply alone");
      const sources = turn.sources.list();
      if (sources.length === 0) return undefined;
      const { organizationId, installationId, replyPath } = turn;
      const { access } = ports.adapter(turn.platform).features;
      const place = { organizationId, installationId, path: replyPath };
      const verdict = await checkAudience(ports.facts, place, sources, access?.couldRead !== undefined);
      if (verdict.within) return undefined;
      const entry = { by: turn.agent.agentId, turn: turn.turnId, tool, rule: verdict.rule };
      await database.transaction((tx) =>
        appendAudit(tx, organizationId, [{ what: "denied", action: "post", ...entry }]),
      );
      return toolError(
        "you have read a conversation that not everybody here may read: only your reply can be weighed and shown",
      );
    },
    async post(tool, call, { conversationId, path, parts, replyTo, prepare }) {
      const rendered = ports.adapter(turn.platform).render(parts, {
        identity: turn.agent.identity,
        conversation: path,
        mentionable: turn.envelope.sender.kind === "human" ? [turn.envelope.sender.id] : [],
        ...(replyTo === undefined ? {} : { replyTo }),
      });
      if (rendered.length === 0) return toolError("there is nothing to show");
      const slot = await take(tool, call, async (tx, ordinal) => {
        await prepare?.(tx);
        const posts = rendered.map((post, index) => ({
          id: ports.newId("d"),
          body: post.body,
          fallback: post.fallbackText,
          key: `${turn.turnId}:tool:${ordinal}:${index}`,
        }));
        await addToolPosts(tx, { turnId: turn.turnId, conversationId, ordinal, posts });
      });
      if ("error" in slot) return slot;
      if (slot.state === "new") ports.ringOutbox(conversationId);
      return { ordinal: slot.ordinal, posts: await receipts(slot.ordinal, call.signal) };
    },
  };
}

/** What an agent is told of its post. */
export function postAnswer({ posts }: PostedCall): JsonValue {
  const failed = posts.find(({ state }) => state !== "delivered" && !OPEN_STATES.has(state));
  if (failed !== undefined) return toolError(`it was not posted (${failed.code ?? failed.state})`);
  const messages = posts.flatMap(({ message_id: id }) => (id === null ? [] : [id]));
  const posted = posts.every(({ state }) => state === "delivered");
  return posted
    ? { posted: true, message: messages[0] ?? null, ...(messages.length > 1 ? { messages } : {}) }
    : { posted: false, state: "on its way: it will be posted in its turn" };
}
