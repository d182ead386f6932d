import { BoundedMap } from "../shared/bounded-map.ts";
import { type Ask, readAsk } from "./ask.ts";
import { asEventId } from "./matrix-ids.ts";
import { asRecord, asString, type Raw } from "./raw.ts";
import { threadRootOf } from "./relations.ts";

const MAX_EVENTS = 50_000;

/** What later events need to know of an earlier one. */
export interface KnownEvent {
  readonly eventId: string;
  readonly roomId: string;
  readonly sender: string;
  readonly type: string;
  /** Root of the thread it is in. */
  readonly threadId: string | undefined;
  /** It is itself an edit of another event. */
  readonly isEdit: boolean;
  /** The message whose text it replaces. */
  readonly edits?: string | undefined;
  /** What a reaction says about which event. */
  readonly reaction: { readonly eventId: string; readonly key: string } | undefined;
  /** The approval or form that it asks for. */
  readonly ask: Ask | undefined;
  /** Known from before a restart: what it asks for was not kept. */
  readonly recalled?: true;
}

/** Remembers the newest events of all rooms: a redaction takes the content away that says what it was. */
export class EventIndex {
  readonly #events = new BoundedMap<string, KnownEvent>({ maxEntries: MAX_EVENTS });

  get(roomId: string, eventId: string): KnownEvent | undefined {
    return this.#events.get(`${roomId}\n${eventId}`);
  }

  note(event: KnownEvent): void {
    this.#events.set(`${event.roomId}\n${event.eventId}`, event);
  }
}

/** Reads what is worth remembering of an event; undefined when it is none. */
export function knownEvent(roomId: string, event: Raw): KnownEvent | undefined {
  const eventId = asEventId(event["event_id"]);
  const sender = asString(event["sender"]);
  const type = asString(event["type"]);
  if (eventId === undefined || sender === undefined || type === undefined) return undefined;
  const content = asRecord(event["content"]);
  const relation = asRecord(content?.["m.relates_to"]);
  const target = asEventId(relation?.["event_id"]);
  const key = asString(relation?.["key"]);
  return {
    eventId,
    roomId,
    sender,
    type,
    threadId: threadRootOf(content),
    isEdit: relation?.["rel_type"] === "m.replace",
    edits: relation?.["rel_type"] === "m.replace" ? target : undefined,
    reaction: type === "m.reaction" && target !== undefined && key !== undefined ? { eventId: target, key } : undefined,
    ask: readAsk(content),
  };
}
