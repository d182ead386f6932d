import type { ReconcileOutcome, ReconcileQuery } from "../../src/contracts/adapter.ts";
import { toParleyError } from "../../src/errors/parley-error.ts";
import { DELIVERY_EVENT_TYPE } from "./outbound.ts";
import { MARK_BLOCK_PREFIX } from "./upload.ts";
import { asList, asRecord, asString, type Raw } from "./raw.ts";
import { asTs, msToTs, tsToIso } from "./timestamps.ts";
import type { Workspace } from "./workspace.ts";

/** How far Slack's clock may be behind ours. */
const CLOCK_SKEW_MS = 5_000;
const PAGE_SIZE = 200;
const MAX_PAGES = 25;

export interface ReconcileOptions {
  /** The mark that a message of this delivery carries. */
  readonly mark: string;
  /** Age an attempt must have before its absence is believed, in ms: a call given up may still be carried out. */
  readonly settleMs: number;
  readonly nowMs: number;
}

/**
 * Looks for a delivery in the platform's own record.
 *
 * A message of ours with the delivery's mark is it. The opening of a stream can carry no mark: there, the one message of ours
 * in that time that is accounted for nowhere is it, and several are undetermined. Absence is believed only of a complete
 * reading, some time after the attempt.
 */
export async function reconcileDelivery(
  workspace: Workspace,
  query: ReconcileQuery,
  options: ReconcileOptions,
): Promise<ReconcileOutcome> {
  const since = Date.parse(query.attemptedSince);
  if (Number.isNaN(since)) return { undetermined: "the time of the attempt is unreadable" };
  let messages: readonly Raw[] | undefined;
  try {
    messages = await readSince(workspace, query, msToTs(since - CLOCK_SKEW_MS));
  } catch (error) {
    const fault = toParleyError(error);
    return { undetermined: `the conversation could not be read: ${fault.detail ?? fault.code}` };
  }
  if (messages === undefined) return { undetermined: "too many messages since the attempt" };
  const own = messages.filter((message) => isOwn(workspace, message));
  const marked = own.find((message) => markOf(message) === options.mark);
  if (marked !== undefined) return found(marked);
  const candidates = query.preview ? unaccounted(own, query) : [];
  const [candidate] = candidates;
  if (candidate !== undefined && candidates.length === 1) return found(candidate);
  if (candidates.length > 1) return { undetermined: `${candidates.length} messages may be it` };
  if (options.nowMs - since < options.settleMs)
    return { undetermined: "the attempt is too recent to be missing for certain" };
  return { absent: true };
}

function unaccounted(own: readonly Raw[], query: ReconcileQuery): readonly Raw[] {
  const known = new Set<unknown>(query.knownMessageIds);
  return own.filter((message) => {
    const name = asString(message["username"]);
    return (
      !known.has(message["ts"]) && markOf(message) === undefined && (name === undefined || name === query.identity.name)
    );
  });
}

function found(message: Raw): ReconcileOutcome {
  const ts = asTs(message["ts"]) ?? "";
  return { found: { messageId: ts, occurredAt: tsToIso(ts) } };
}

function isOwn(workspace: Workspace, message: Raw): boolean {
  if (asTs(message["ts"]) === undefined) return false;
  return (
    message["user"] === workspace.botUserId || (workspace.botId !== undefined && message["bot_id"] === workspace.botId)
  );
}

/** Messages carry their mark in the metadata; files, which have none, in the id of their block. */
function markOf(message: Raw): string | undefined {
  const metadata = asRecord(message["metadata"]);
  if (metadata?.["event_type"] === DELIVERY_EVENT_TYPE) return asString(asRecord(metadata["event_payload"])?.["k"]);
  for (const block of asList(message["blocks"])) {
    const id = asString(asRecord(block)?.["block_id"]);
    if (id?.startsWith(MARK_BLOCK_PREFIX)) return id.slice(MARK_BLOCK_PREFIX.length);
  }
  return undefined;
}

/** Every message of the conversation since then; undefined when there are too many to read. */
async function readSince(
  workspace: Workspace,
  query: ReconcileQuery,
  oldest: string,
): Promise<readonly Raw[] | undefined> {
  const { channel, thread } = query.target.conversation;
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
        ? await workspace.read("conversations.history", (web) => web.conversations.history(window), query.signal)
        : await workspace.read(
            "conversations.replies",
            (web) => web.conversations.replies({ ...window, ts: thread.id }),
            query.signal,
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
