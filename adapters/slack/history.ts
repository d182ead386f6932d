import type { AdapterFeatures } from "../../src/contracts/adapter-features.ts";
import type { EnvelopeInput } from "../../src/envelope/envelope.ts";
import type { Place } from "./inbound-envelope.ts";
import { translateHistoryMessage } from "./inbound-message.ts";
import { asRecord, type Raw } from "./raw.ts";
import { asTs, msToTs } from "./timestamps.ts";
import type { Workspace } from "./workspace.ts";

type HistoryQuery = Parameters<NonNullable<AdapterFeatures["history"]>["read"]>[0];

const PAGE_SIZE = 200;

/**
 * Past messages as the envelopes they would have been, oldest first.
 *
 * Of a channel: its messages and the replies of every thread that moved since then. Of a thread: its replies. When there are
 * more than asked for, the newest are given.
 */
export async function readHistory(workspace: Workspace, query: HistoryQuery): Promise<readonly EnvelopeInput[]> {
  const { channel, thread } = query.target.conversation;
  const oldest = msToTs(Date.parse(query.since));
  await workspace.directory.ensureChannel(channel.id);
  const place: Place = { channelId: channel.id, external: channel.external };
  const messages =
    thread === undefined
      ? await channelMessages(workspace, channel.id, oldest, query)
      : await threadMessages(workspace, channel.id, thread.id, oldest, query);
  const context = workspace.contextFor(query.target.conversation.space.id);
  const envelopes = messages.flatMap((message) => {
    const translation = translateHistoryMessage(message, context, place);
    return translation.outcome === "envelope" ? [translation.envelope] : [];
  });
  return envelopes.toSorted((a, b) => (a.platformOrder < b.platformOrder ? -1 : 1)).slice(-query.maxMessages);
}

async function channelMessages(
  workspace: Workspace,
  channelId: string,
  oldest: string,
  query: HistoryQuery,
): Promise<Raw[]> {
  const roots = await pages(query.maxMessages, (cursor) =>
    workspace.read(
      "conversations.history",
      (web) =>
        web.conversations.history({
          channel: channelId,
          oldest,
          limit: PAGE_SIZE,
          ...(cursor === "" ? {} : { cursor }),
        }),
      query.signal,
    ),
  );
  const messages = [...roots];
  for (const root of roots) {
    const ts = asTs(root["ts"]);
    const latestReply = asTs(root["latest_reply"]);
    if (messages.length >= query.maxMessages) break;
    if (ts !== undefined && latestReply !== undefined && latestReply > oldest)
      messages.push(...(await threadMessages(workspace, channelId, ts, oldest, query)));
  }
  return messages;
}

/** Slack lists the root first whatever the time; it belongs to the channel. */
async function threadMessages(
  workspace: Workspace,
  channelId: string,
  threadId: string,
  oldest: string,
  query: HistoryQuery,
): Promise<Raw[]> {
  const messages = await pages(query.maxMessages, (cursor) =>
    workspace.read(
      "conversations.replies",
      (web) =>
        web.conversations.replies({
          channel: channelId,
          ts: threadId,
          oldest,
          limit: PAGE_SIZE,
          ...(cursor === "" ? {} : { cursor }),
        }),
      query.signal,
    ),
  );
  return messages.filter((message) => message["ts"] !== threadId);
}

interface Page {
  readonly messages?: readonly object[];
  readonly response_metadata?: { readonly next_cursor?: string };
}

async function pages(maxMessages: number, read: (cursor: string) => Promise<Page>): Promise<Raw[]> {
  const messages: Raw[] = [];
  let cursor = "";
  do {
    const page = await read(cursor);
    for (const message of page.messages ?? []) {
      const raw = asRecord(message);
      if (raw !== undefined) messages.push(raw);
    }
    cursor = page.response_metadata?.next_cursor ?? "";
  } while (cursor !== "" && messages.length < maxMessages);
  return messages;
}
