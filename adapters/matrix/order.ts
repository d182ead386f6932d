import { BoundedMap } from "../shared/bounded-map.ts";

const MAX_ROOMS = 20_000;
/** Digits of the ms and of the place among events of one ms. */
const MS_DIGITS = 15;
const PLACE_DIGITS = 5;

/**
 * Gives each event of a room its `platformOrder`, in the order in which the homeserver hands the events out.
 *
 * The event's own time, held down to the time of arrival and raised to that of the event before it: a server with a wrong
 * clock moves its own events and nobody else's. A redelivered stretch gets the values it had, unless a clock was wrong.
 */
export class RoomOrder {
  readonly #last = new BoundedMap<string, { ms: number; place: number }>({ maxEntries: MAX_ROOMS });

  next(roomId: string, originMs: number, arrivedMs: number): string {
    const before = this.#last.get(roomId);
    const own = Math.min(originMs, arrivedMs);
    const ms = Math.max(own, before?.ms ?? 0);
    const place = before !== undefined && before.ms === ms ? before.place + 1 : 0;
    this.#last.set(roomId, { ms, place });
    return orderOf(ms, place);
  }
}

/** The order of an event whose time is known and whose neighbours are not: an own message just sent. */
export function orderOf(ms: number, place = 0): string {
  return `${String(Math.max(0, ms)).padStart(MS_DIGITS, "0")}.${String(place).padStart(PLACE_DIGITS, "0")}`;
}
