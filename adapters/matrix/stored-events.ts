import { BoundedMap } from "../shared/bounded-map.ts";
import { asEventId } from "./matrix-ids.ts";
import { asRecord } from "./raw.ts";

const MAX_EVENTS = 50_000;

/** The newest events that this process has taken to their end: committed, dead-lettered or known to be of no interest. */
export class StoredEvents {
  readonly #ids = new BoundedMap<string, true>({ maxEntries: MAX_EVENTS });

  /** False also for what was taken long ago, or by an earlier process. */
  has(roomId: string, event: unknown): boolean {
    const eventId = asEventId(asRecord(event)?.["event_id"]);
    return eventId !== undefined && this.#ids.get(`${roomId}\n${eventId}`) === true;
  }

  note(roomId: string, event: unknown): void {
    const eventId = asEventId(asRecord(event)?.["event_id"]);
    if (eventId !== undefined) this.#ids.set(`${roomId}\n${eventId}`, true);
  }
}
