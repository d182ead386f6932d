import type { Receipt, ReconcileOutcome, ReconcileQuery } from "../../src/contracts/adapter.ts";
import { toParleyError } from "../../src/errors/parley-error.ts";
import type { Account } from "./account.ts";
import { markOf, transactionId } from "./content.ts";
import { timeOf } from "./inbound-envelope.ts";
import { asEventId, asUserId } from "./matrix-ids.ts";
import { orderOf } from "./order.ts";
import { asInteger, asRecord, type Raw } from "./raw.ts";
import { replaces } from "./relations.ts";
import { readBack } from "./timeline.ts";

/** How far the homeserver's clock may be behind ours. */
const CLOCK_SKEW_MS = 60_000;
const MAX_EVENTS = 5_000;

/**
 * Looks for a delivery in the room.
 *
 * An own event with the delivery's mark in its content is it. Absence is believed only of a complete reading, some time after the
 * attempt: a request given up may still be carried out.
 */
export async function reconcileDelivery(account: Account, query: ReconcileQuery): Promise<ReconcileOutcome> {
  const sinceMs = Date.parse(query.attemptedSince);
  if (Number.isNaN(sinceMs)) return { undetermined: "the time of the attempt is unreadable" };
  const roomId = query.target.conversation.channel.id;
  const mark = transactionId(query.idempotencyKey);
  const isOlder = (event: Raw): boolean => (asInteger(event["origin_server_ts"]) ?? 0) < sinceMs - CLOCK_SKEW_MS;
  let read: Awaited<ReturnType<typeof readBack>>;
  try {
    await account.rooms.ensure(roomId);
    read = await readBack(account, {
      roomId,
      maxEvents: MAX_EVENTS,
      until: (event) => isOlder(event) || isDelivery(account, event, mark),
      asUser: account.rooms.readerOf(roomId),
      signal: query.signal,
    });
  } catch (error) {
    const fault = toParleyError(error);
    return { undetermined: `the room could not be read: ${fault.detail ?? fault.code}` };
  }
  const found = read.events.find((event) => isDelivery(account, event, mark));
  if (found !== undefined) return { found: receiptOf(found) };
  if (!read.complete) return { undetermined: "too many events since the attempt" };
  if (Date.now() - sinceMs < account.config.reconcileSettleMs)
    return { undetermined: "the attempt is too recent to be missing for certain" };
  return { absent: true };
}

function isDelivery(account: Account, event: Raw, mark: string): boolean {
  const sender = asUserId(event["sender"]);
  return (
    sender !== undefined &&
    account.isOwn(sender) &&
    markOf(event) === mark &&
    asEventId(event["event_id"]) !== undefined
  );
}

/** An edit is found as the message that it changes. */
function receiptOf(event: Raw): Receipt {
  const atMs = timeOf(event, Date.now());
  const messageId = replaces(asRecord(event["content"])) ?? asEventId(event["event_id"]) ?? "";
  return { messageId, occurredAt: new Date(atMs).toISOString(), platformOrder: orderOf(atMs) };
}
