import type { JsonValue } from "../../src/contracts/json.ts";
import { asEventId } from "./matrix-ids.ts";
import { asRecord, type Raw } from "./raw.ts";

/** The root of the thread that the content puts its event into. https://spec.matrix.org/v1.19/client-server-api/#threading */
export function threadRootOf(content: Raw | undefined): string | undefined {
  const relation = asRecord(content?.["m.relates_to"]);
  return relation?.["rel_type"] === "m.thread" ? asEventId(relation["event_id"]) : undefined;
}

/** The message that a person chose to answer; what clients without threads are shown as a stand-in does not count. */
export function repliedTo(content: Raw | undefined): string | undefined {
  const relation = asRecord(content?.["m.relates_to"]);
  if (relation?.["rel_type"] === "m.thread" && relation["is_falling_back"] === true) return undefined;
  return asEventId(asRecord(relation?.["m.in_reply_to"])?.["event_id"]);
}

/** The event whose text this one replaces. https://spec.matrix.org/v1.19/client-server-api/#event-replacements */
export function replaces(content: Raw | undefined): string | undefined {
  const relation = asRecord(content?.["m.relates_to"]);
  return relation?.["rel_type"] === "m.replace" ? asEventId(relation["event_id"]) : undefined;
}

/** The event that a redaction takes away: in its content since room version 11, beside it before. */
export function redacted(event: Raw): string | undefined {
  return asEventId(asRecord(event["content"])?.["redacts"]) ?? asEventId(event["redacts"]);
}

/** The relation of a message that answers another one, in the thread that both are in, if they are. */
export function replyRelation(eventId: string, rootId: string | undefined): { readonly [key: string]: JsonValue } {
  const answered = { "m.in_reply_to": { event_id: eventId } };
  return rootId === undefined
    ? answered
    : { rel_type: "m.thread", event_id: rootId, is_falling_back: false, ...answered };
}

/** The relation of a message in a thread, with a reply for clients that know no threads. */
export function threadRelation(rootId: string, latestId: string): { readonly [key: string]: JsonValue } {
  return {
    rel_type: "m.thread",
    event_id: rootId,
    is_falling_back: true,
    "m.in_reply_to": { event_id: latestId },
  };
}
