import { BoundedMap } from "../shared/bounded-map.ts";
import type { Account } from "./account.ts";
import type { KnownEvent } from "./event-index.ts";
import { asEventId, asUserId } from "./matrix-ids.ts";
import { asList, asString } from "./raw.ts";

const ROW_PREFIX = "events/";
/** Newest events of a room that are remembered over restarts. */
const MAX_EVENTS = 200;
const MAX_ROOMS = 2_000;

interface Memory {
  readonly events: KnownEvent[];
  changed: boolean;
}

/**
 * Remembers over restarts what no homeserver tells once an event was redacted: in which thread a message was, what a reaction
 * said, and which message an edit changed. Everything else about an event can be asked for.
 */
export class EventMemory {
  readonly #account: Account;
  readonly #rooms = new BoundedMap<string, Memory>({ maxEntries: MAX_ROOMS });
  readonly #recalling = new Map<string, Promise<void>>();

  constructor(account: Account) {
    this.#account = account;
  }

  /** Reads what earlier processes kept of the room, once. Rejects when the ledger cannot be read. */
  async recall(roomId: string): Promise<void> {
    if (this.#rooms.get(roomId) !== undefined) return;
    let recalling = this.#recalling.get(roomId);
    if (recalling === undefined) {
      recalling = this.#recall(roomId).finally(() => this.#recalling.delete(roomId));
      this.#recalling.set(roomId, recalling);
    }
    await recalling;
  }

  note(event: KnownEvent): void {
    if (event.threadId === undefined && event.reaction === undefined && event.edits === undefined) return;
    const memory = this.#rooms.get(event.roomId);
    if (memory === undefined || memory.events.some((known) => known.eventId === event.eventId)) return;
    memory.events.push(event);
    if (memory.events.length > MAX_EVENTS) memory.events.shift();
    memory.changed = true;
  }

  /** Keeps what was noted since the last time; resolves when it is durable. */
  async keep(roomId: string): Promise<void> {
    const memory = this.#rooms.get(roomId);
    if (memory?.changed !== true) return;
    memory.changed = false;
    const { sink, installationId } = this.#account;
    const row = Buffer.from(JSON.stringify(memory.events.map(packed)), "utf8");
    try {
      await sink.state.write(installationId, new Map([[ROW_PREFIX + roomId, row]]));
    } catch (error) {
      memory.changed = true;
      throw error;
    }
  }

  async #recall(roomId: string): Promise<void> {
    const { sink, installationId, events } = this.#account;
    const key = ROW_PREFIX + roomId;
    const row = (await sink.state.read(installationId, key)).get(key);
    const known = row === undefined ? [] : unpacked(roomId, Buffer.from(row).toString("utf8"));
    for (const event of known) events.note(event);
    this.#rooms.set(roomId, { events: [...known], changed: false });
  }
}

function packed({ eventId, sender, type, threadId, reaction, edits }: KnownEvent): readonly (string | null)[] {
  return [eventId, sender, type, threadId ?? null, reaction?.eventId ?? null, reaction?.key ?? null, edits ?? null];
}

function unpacked(roomId: string, text: string): readonly KnownEvent[] {
  let rows: unknown;
  try {
    rows = JSON.parse(text);
  } catch {
    return [];
  }
  return asList(rows).flatMap((row): KnownEvent[] => {
    const [id, from, kind, thread, target, sign, edited] = asList(row);
    const [eventId, sender, type] = [asEventId(id), asUserId(from), asString(kind)];
    const [reactedTo, key] = [asEventId(target), asString(sign)];
    if (eventId === undefined || sender === undefined || type === undefined) return [];
    const reaction = reactedTo === undefined || key === undefined ? undefined : { eventId: reactedTo, key };
    return [
      {
        eventId,
        roomId,
        sender,
        type,
        threadId: asEventId(thread),
        isEdit: asEventId(edited) !== undefined,
        edits: asEventId(edited),
        reaction,
        ask: undefined,
        recalled: true,
      },
    ];
  });
}
