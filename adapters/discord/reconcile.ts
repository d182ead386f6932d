import type { ReconcileOutcome, ReconcileQuery } from "../../src/contracts/adapter.ts";
import { toParleyError } from "../../src/errors/parley-error.ts";
import type { DiscordClient } from "./client.ts";
import type { BotIdentity } from "./guilds.ts";
import { carries, type DeliveryMark, isMarked } from "./marks.ts";
import { receiptOf } from "./outbound.ts";
import { asId, asRecord, type Raw } from "./raw.ts";
import type { SharedReads } from "./shared-reads.ts";

/** How far Discord's clock may be behind ours. */
const CLOCK_SKEW_MS = 5_000;
/** How long Discord surely knows a nonce that it was given; "a few minutes", by its documentation of `enforce_nonce`. */
const NONCE_KEPT_MS = 90_000;

export interface ReconcileOptions {
  readonly client: DiscordClient;
  readonly reads: SharedReads;
  readonly bot: BotIdentity;
  /** The mark that a message of this delivery carries. */
  readonly mark: DeliveryMark;
  /** Age an attempt must have before its absence is believed, in ms: a call given up may still be carried out. */
  readonly settleMs: number;
  readonly nowMs: number;
}

/**
 * Looks for a delivery in the platform's own record.
 *
 * A message of ours that carries the delivery's mark is it. Plain words of the bot carry none that history shows: there, the one
 * unmarked message of ours in that time that is accounted for nowhere is it; of several, none can be told to be it, which counts as absence as long as
 * Discord keeps it from being posted twice by its nonce, and later is undetermined. Absence is
 * believed only of a complete reading, some time after the attempt.
 */
export async function reconcileDelivery(query: ReconcileQuery, options: ReconcileOptions): Promise<ReconcileOutcome> {
  const since = Date.parse(query.attemptedSince);
  if (Number.isNaN(since)) return { undetermined: "the time of the attempt is unreadable" };
  const { channel, thread } = query.target.conversation;
  let messages: readonly Raw[] | undefined = [];
  let { nowMs } = options;
  try {
    // An answer whose thread could not be made stands in the channel itself.
    for (const channelId of thread === undefined ? [channel.id] : [thread.id, channel.id]) {
      const from = since - CLOCK_SKEW_MS;
      const read = await options.reads.since(options.client, channelId, from, query.signal);
      messages = read.messages === undefined || messages === undefined ? undefined : [...messages, ...read.messages];
      nowMs = Math.min(nowMs, read.startedAtMs);
    }
  } catch (error) {
    const fault = toParleyError(error);
    return { undetermined: `the conversation could not be read: ${fault.detail ?? fault.code}` };
  }
  if (messages === undefined) return { undetermined: "too many messages since the attempt" };
  const own = messages.filter((message) => isOwn(message, options.bot));
  const marked = own.find((message) => carries(message, options.mark));
  if (marked !== undefined) return { found: receiptOf(marked) };
  const known = new Set(query.knownMessageIds);
  const direct = channel.kind === "direct" || channel.kind === "group_direct";
  const candidates = direct ? own.filter((message) => !isMarked(message) && !known.has(String(message["id"]))) : [];
  const [candidate] = candidates;
  if (candidate !== undefined && candidates.length === 1) return { found: receiptOf(candidate) };
  // What was written after a reading began is not missing from it.
  if (nowMs - since < options.settleMs) return { undetermined: "the attempt is too recent to be missing for certain" };
  // Sent again under its own nonce, Discord gives back the message that stands, if one does.
  if (candidates.length > 1 && options.nowMs - since > NONCE_KEPT_MS)
    return { undetermined: `${candidates.length} messages may be it` };
  return { absent: true };
}

function isOwn(message: Raw, bot: BotIdentity): boolean {
  const author = asId(asRecord(message["author"])?.["id"]);
  return author === bot.botUserId || asId(message["application_id"]) === bot.applicationId;
}
