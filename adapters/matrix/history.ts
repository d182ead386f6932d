import type { AdapterFeatures } from "../../src/contracts/adapter-features.ts";
import type { EnvelopeInput } from "../../src/envelope/envelope.ts";
import type { Account } from "./account.ts";
import { translateEvent } from "./inbound-event.ts";
import { inboundContext } from "./intake-context.ts";
import { RoomOrder } from "./order.ts";
import { asInteger, asRecord, type Raw } from "./raw.ts";
import { replaces, threadRootOf } from "./relations.ts";
import { readBack } from "./timeline.ts";

type HistoryQuery = Parameters<NonNullable<AdapterFeatures["history"]>["read"]>[0];

/** Events looked through for each message asked for: reactions, edits and other threads lie between. */
const EVENTS_PER_MESSAGE = 10;
const MAX_EVENTS = 5_000;

/**
 * Past messages of a room or of one of its threads as the envelopes they would have been, oldest first, each with its newest
 * text. When there are more than asked for, the newest are given. What the account may not see, the homeserver leaves out.
 */
export async function readHistory(account: Account, query: HistoryQuery): Promise<readonly EnvelopeInput[]> {
  const roomId = query.target.conversation.channel.id;
  const threadId = query.target.conversation.thread?.id;
  const sinceMs = Date.parse(query.since);
  await account.rooms.ensure(roomId);
  const { events } = await readBack(account, {
    roomId,
    maxEvents: Math.min(MAX_EVENTS, query.maxMessages * EVENTS_PER_MESSAGE + 100),
    until: (event) => (asInteger(event["origin_server_ts"]) ?? 0) < sinceMs,
    asUser: account.rooms.readerOf(roomId),
    signal: query.signal,
  });
  const plain = await opened(account, roomId, events);
  const order = new RoomOrder();
  const envelopes = withNewestText(plain).flatMap((event): EnvelopeInput[] => {
    if ((asInteger(event["origin_server_ts"]) ?? 0) < sinceMs) return [];
    if (threadRootOf(asRecord(event["content"])) !== threadId) return [];
    const context = inboundContext(account, { roomId, order: (originMs) => order.next(roomId, originMs, Date.now()) });
    const translation = translateEvent(event, context);
    return translation.outcome === "envelope" && translation.envelope.kind === "message_created"
      ? [translation.envelope]
      : [];
  });
  return envelopes.slice(-query.maxMessages);
}

/** Messages that cannot be read are left out: their keys are asked for when they arrive, not here. */
async function opened(account: Account, roomId: string, events: readonly Raw[]): Promise<readonly Raw[]> {
  const plain: Raw[] = [];
  for (const event of events) {
    if (event["type"] !== "m.room.encrypted") plain.push(event);
    else {
      const readable = await account.crypto?.read(roomId, event);
      if (readable !== undefined) plain.push(readable);
    }
  }
  return plain;
}

/** Puts the text of the last valid edit into each message. */
function withNewestText(events: readonly Raw[]): readonly Raw[] {
  const edits = new Map<string, Raw>();
  for (const event of events) {
    const target = replaces(asRecord(event["content"]));
    if (target !== undefined) edits.set(`${target}\n${String(event["sender"])}`, event);
  }
  return events.flatMap((event) => {
    const content = asRecord(event["content"]);
    if (event["type"] !== "m.room.message" || content === undefined || replaces(content) !== undefined) return [];
    const edit = edits.get(`${String(event["event_id"])}\n${String(event["sender"])}`);
    const newest = asRecord(asRecord(edit?.["content"])?.["m.new_content"]);
    if (newest === undefined) return [event];
    return [{ ...event, content: { ...newest, "m.relates_to": content["m.relates_to"] } }];
  });
}
