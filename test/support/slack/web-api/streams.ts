import { addMessage, logMessage, messageChanged } from "../effects/messages.ts";
import { byApp } from "../effects/provenance.ts";
import type { Channel, Message, StreamState, Wire } from "../model/records.ts";
import { messageWire } from "../model/wire.ts";
import { setSession } from "./agents.ts";
import { ApiError, invalidArguments } from "./api-error.ts";
import { type BotCall, type Handler, knownUser, memberChannel, threadRoot } from "./call.ts";
import { authorship, ownMessage, postableChannel } from "./chat.ts";
import { blocksOf, chunksOf, markdownOf, metadataOf } from "./message-arguments.ts";

const MAX_BLOCKS = 50;

/** Native streaming: start, append, stop; the server closes a stream after its lifetime. */
export const streamMethods: Record<string, Handler> = {
  "chat.startStream": { auth: "bot", scopes: ["chat:write"], run: start },
  "chat.appendStream": { auth: "bot", scopes: ["chat:write"], run: append },
  "chat.stopStream": { auth: "bot", scopes: ["chat:write"], run: stop },
};

interface Increment {
  readonly text: string;
  readonly blocks: unknown[];
  readonly mode: "markdown_text" | "chunks" | undefined;
}

function start(call: BotCall): Wire {
  const { core, args } = call;
  const channel = postableChannel(call, args.needText("channel"));
  const root = threadRoot(channel, args.needText("thread_ts"));
  if (channel.kind !== "im") {
    if (args.text("recipient_team_id") === undefined) throw new ApiError("missing_recipient_team_id");
    const recipient = args.text("recipient_user_id");
    if (recipient === undefined) throw new ApiError("missing_recipient_user_id");
    knownUser(call, recipient);
  }
  const mode = args.text("task_display_mode");
  if (mode !== undefined && !["timeline", "plan", "dense"].includes(mode))
    throw invalidArguments("invalid task_display_mode");
  const increment = incrementOf(call, false);
  const stream: StreamState = {
    state: "in_progress",
    startedAt: core.nowMs(),
    mode: increment.mode,
    stoppedByUser: false,
    blockCount: increment.blocks.length,
  };
  const { text, blocks } = increment;
  const draft = { ...authorship(call), text, stream, root, ...(blocks.length === 0 ? {} : { blocks }) };
  const message = addMessage(core, channel, draft, byApp(call));
  setSession(call, channel, root.ts, "processing");
  return { channel: channel.id, ts: message.ts };
}

function append(call: BotCall): Wire {
  const { channel, message, stream } = openStream(call);
  if (stream.stoppedByUser) throw new ApiError("stopped_by_user");
  const increment = incrementOf(call, true);
  grow(call, channel, message, stream, increment);
  return { channel: channel.id, ts: message.ts };
}

function stop(call: BotCall): Wire {
  const { channel, message, stream } = openStream(call);
  const increment = incrementOf(call, false);
  const tail = blocksOf(call) ?? [];
  const metadata = metadataOf(call);
  if (increment.text !== "" || increment.blocks.length > 0) grow(call, channel, message, stream, increment);
  const before = messageWire(message, channel.teamId);
  if (tail.length > 0) message.blocks = [...(message.blocks ?? []), ...tail];
  if (metadata !== undefined) message.metadata = metadata;
  stream.state = "completed";
  logMessage(call.core, channel, "stream_stop", message, byApp(call), { text: message.text, blocks: message.blocks });
  if (message.threadTs !== undefined)
    setSession(call, channel, message.threadTs, call.args.text("session_status") ?? "active");
  messageChanged(call.core, channel, message, before);
  return { channel: channel.id, ts: message.ts, message: messageWire(message, channel.teamId) };
}

/** The stream a call is about, closed first if its time is over. */
function openStream(call: BotCall): { channel: Channel; message: Message; stream: StreamState } {
  const channel = memberChannel(call, call.args.needText("channel"));
  if (channel.archived) throw new ApiError("is_archived");
  const message = ownMessage(call, channel, call.args.needText("ts"), "message_not_owned_by_app");
  const { stream } = message;
  if (stream === undefined) throw new ApiError("message_not_in_streaming_state");
  if (stream.state === "in_progress" && call.core.nowMs() - stream.startedAt > call.core.options.streamLifetimeMs) {
    stream.state = "errored";
    logMessage(call.core, channel, "stream_closed", message, byApp(call), { text: message.text });
  }
  if (stream.state !== "in_progress") throw new ApiError("message_not_in_streaming_state");
  return { channel, message, stream };
}

function incrementOf(call: BotCall, isRequired: boolean): Increment {
  const markdown = markdownOf(call);
  const chunks = chunksOf(call);
  const hasChunks = chunks !== undefined && chunks.length > 0;
  if (markdown !== undefined && hasChunks) throw new ApiError("cannot_provide_both_markdown_text_and_chunks");
  if (isRequired && markdown === undefined && !hasChunks) throw new ApiError("markdown_text_or_chunks_required");
  if (markdown !== undefined) return { text: markdown, blocks: [], mode: "markdown_text" };
  if (!hasChunks) return { text: "", blocks: [], mode: undefined };
  const text = chunks.map((chunk) => (chunk["type"] === "markdown_text" ? String(chunk["text"]) : "")).join("");
  return { text, blocks: chunks.flatMap(blocksOfChunk), mode: "chunks" };
}

/** What a chunk adds to the blocks: its own blocks, or the card or plan that Slack draws. */
function blocksOfChunk(chunk: Wire): unknown[] {
  if (chunk["type"] === "blocks" && Array.isArray(chunk["blocks"])) return chunk["blocks"];
  if (chunk["type"] === "task_update") {
    return [{ type: "task_card", task_id: chunk["id"], title: chunk["title"], status: chunk["status"] }];
  }
  return chunk["type"] === "plan_update" ? [{ type: "plan", title: chunk["title"] }] : [];
}

function grow(call: BotCall, channel: Channel, message: Message, stream: StreamState, increment: Increment): void {
  if (stream.mode !== undefined && increment.mode !== undefined && stream.mode !== increment.mode) {
    throw new ApiError("streaming_mode_mismatch");
  }
  const blocks = mergeBlocks(message.blocks ?? [], increment.blocks);
  if (blocks.length > MAX_BLOCKS) throw new ApiError("msg_blocks_too_many");
  stream.mode ??= increment.mode;
  message.text += increment.text;
  if (blocks.length > 0) message.blocks = blocks;
  logMessage(call.core, channel, "stream_append", message, byApp(call), {
    text: increment.text,
    blocks: increment.blocks,
  });
}

/** A task that is updated keeps its card; so does the plan. */
function mergeBlocks(before: readonly unknown[], added: readonly unknown[]): unknown[] {
  const merged = [...before];
  for (const block of added) {
    const at = merged.findIndex(
      (known) => identityOfBlock(known) !== undefined && identityOfBlock(known) === identityOfBlock(block),
    );
    if (at >= 0) merged[at] = block;
    else merged.push(block);
  }
  return merged;
}

function identityOfBlock(block: unknown): string | undefined {
  if (typeof block !== "object" || block === null) return undefined;
  if ("task_id" in block) return `task ${String(block.task_id)}`;
  return "type" in block && block.type === "plan" ? "plan" : undefined;
}
