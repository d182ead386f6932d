import type { ConversationPath } from "../../src/envelope/conversation.ts";
import { asList, asRecord, asString, type Raw } from "./raw.ts";
import { asTs, msToTs } from "./timestamps.ts";
import type { Workspace } from "./workspace.ts";

/** Marks own messages; readable by every app of the workspace, so the key in it is an HMAC. */
export const DELIVERY_EVENT_TYPE = "parley_delivery";
/** Messages with files take no metadata; the id of their one block holds the delivery's mark instead. */
export const MARK_BLOCK_PREFIX = "parley:";
/** How far Slack's clock may be behind ours. */
const CLOCK_SKEW_MS = 5_000;
const PAGE_SIZE = 200;
const MAX_PAGES = 25;

export function isOwn(workspace: Workspace, message: Raw): boolean {
  if (asTs(message["ts"]) === undefined) return false;
  return (
    message["user"] === workspace.botUserId || (workspace.botId !== undefined && message["bot_id"] === workspace.botId)
  );
}

/** Messages carry their mark in the metadata; files, which have none, in the id of their block. */
export function markOf(message: Raw): string | undefined {
  const metadata = asRecord(message["metadata"]);
  if (metadata?.["event_type"] === DELIVERY_EVENT_TYPE) return asString(asRecord(metadata["event_payload"])?.["k"]);
  for (const block of asList(message["blocks"])) {
    const id = asString(asRecord(block)?.["block_id"]);
    if (id?.startsWith(MARK_BLOCK_PREFIX)) return id.slice(MARK_BLOCK_PREFIX.length);
  }
  return undefined;
}

/** Every message of the conversation since then; undefined when there are too many to read. */
export async function readSince(
  workspace: Workspace,
  conversation: ConversationPath,
  sinceMs: number,
  signal: AbortSignal,
): Promise<readonly Raw[] | undefined> {
  const { channel, thread } = conversation;
  const oldest = msToTs(sinceMs - CLOCK_SKEW_MS);
  const messages: Raw[] = [];
  let cursor = "";
  for (let page = 0; page < MAX_PAGES; page++) {
    const window = {
      channel: channel.id,
      oldest,
      inclusive: true,
      limit: PAGE_SIZE,
      include_all_metadata: true,
      ...(cursor === "" ? {} : { cursor }),
    };
    const answer =
      thread === undefined
        ? await workspace.read("conversations.history", (web) => web.conversations.history(window), signal)
        : await workspace.read(
            "conversations.replies",
            (web) => web.conversations.replies({ ...window, ts: thread.id }),
            signal,
          );
    for (const message of answer.messages ?? []) {
      const raw = asRecord(message);
      if (raw !== undefined) messages.push(raw);
    }
    cursor = answer.response_metadata?.next_cursor ?? "";
    if (cursor === "") return messages;
  }
  return undefined;
}
