import { toParleyError } from "../../src/errors/parley-error.ts";
import { abortableSleep } from "../shared/abortable-sleep.ts";
import type { Account } from "./account.ts";
import { asEventId } from "./matrix-ids.ts";
import { asInteger, type Raw } from "./raw.ts";
import { isEntry, readBack } from "./timeline.ts";

/** What had not been pushed when the homeserver died is at most this old by then: it waits longer for no transaction. */
const MARGIN_MS = 120_000;
/** A homeserver that died takes seconds to come back, and then has much to do. */
const RETRY_MS = [2_000, 2_000, 5_000, 15_000] as const;
const LONGEST_PAUSE_MS = 60_000;
/** Least time between two readings while the homeserver is in trouble again and again, in ms. */
const AGAIN_MS = 15_000;
/** Newest events of a room that are looked through. */
const MAX_EVENTS = 500;
/** So many older events in a row end the reading; a few may only say that they are old, by a clock that is wrong. */
const ENOUGH_OLD = 20;

/**
 * Finds what a homeserver lost on its way to an application service.
 *
 * Synapse notes an event as pushed when it waits for the transaction before it to end, and keeps it in memory alone: should it die
 * then, the event is in its room and is never pushed. (`_ServiceQueuer`, synapse/appservice/scheduler.py.)
 */
export class MissedEvents {
  readonly #account: Account;
  readonly #take: (roomId: string, events: readonly Raw[]) => Promise<void>;
  readonly #stopping = new AbortController();
  #sinceMs: number | undefined;
  #running: Promise<void> | undefined;

  /** `take` resolves when the events are committed. */
  constructor(account: Account, take: (roomId: string, events: readonly Raw[]) => Promise<void>) {
    this.#account = account;
    this.#take = take;
  }

  /** The homeserver may have died just now: the rooms are read back once it answers. */
  suspect(): void {
    if (this.#stopping.signal.aborted) return;
    this.#sinceMs ??= Date.now() - MARGIN_MS;
    this.#running ??= this.#run()
      .catch(() => undefined)
      .finally(() => {
        this.#running = undefined;
        // Suspected in the very moment of the end.
        if (this.#sinceMs !== undefined) this.suspect();
      });
  }

  async close(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  /** Ends when all rooms were read and nothing was suspected meanwhile; rejects when it is stopped. */
  async #run(): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      const sinceMs = this.#sinceMs;
      if (sinceMs === undefined) return;
      await abortableSleep(RETRY_MS[attempt] ?? LONGEST_PAUSE_MS, this.#stopping.signal);
      this.#sinceMs = undefined;
      try {
        await this.#readRooms(sinceMs);
      } catch (error) {
        this.#sinceMs = sinceMs;
        const { code, detail } = toParleyError(error);
        this.#log("debug", { code, detail }, "the rooms cannot be read back yet");
        continue;
      }
      if (this.#sinceMs === undefined) return;
      attempt = 0;
      await abortableSleep(AGAIN_MS, this.#stopping.signal);
    }
  }

  /** One after another: a homeserver that has just come back has enough to do. */
  async #readRooms(sinceMs: number): Promise<void> {
    for (const roomId of this.#account.rooms.entered()) {
      this.#stopping.signal.throwIfAborted();
      await this.#readRoom(roomId, sinceMs).catch((error: unknown) => {
        const { code } = toParleyError(error);
        // Whoever was thrown out meanwhile has no business there any more.
        if (code !== "PLATFORM_FORBIDDEN" && code !== "TARGET_NOT_FOUND") throw error;
      });
    }
  }

  async #readRoom(roomId: string, sinceMs: number): Promise<void> {
    const account = this.#account;
    const asUser = account.rooms.readerOf(roomId);
    const isOld = (event: Raw): boolean => (asInteger(event["origin_server_ts"]) ?? 0) < sinceMs;
    const isOwnEntry = (event: Raw): boolean => isEntry(event, asUser ?? account.userId);
    let oldInARow = 0;
    const { events } = await readBack(account, {
      roomId,
      maxEvents: MAX_EVENTS,
      until: (event) => {
        oldInARow = isOld(event) ? oldInARow + 1 : 0;
        return isOwnEntry(event) || oldInARow >= ENOUGH_OLD;
      },
      asUser,
      signal: this.#stopping.signal,
    });
    const missed = events.filter((event) => !isOwnEntry(event) && !isOld(event) && !this.#isKnown(roomId, event));
    if (missed.length === 0) return;
    this.#log("warn", { events: missed.length }, "events that the homeserver did not push were read from the room");
    await this.#take(roomId, missed);
    // Newer state may be known already.
    if (missed.some((event) => typeof event["state_key"] === "string")) account.rooms.distrust(roomId);
  }

  #isKnown(roomId: string, event: Raw): boolean {
    const eventId = asEventId(event["event_id"]);
    return eventId === undefined || this.#account.stored.has(roomId, event);
  }

  #log(level: "debug" | "warn", facts: object, message: string): void {
    const { sink, installationId } = this.#account;
    sink.logger[level]({ installationId, ...facts }, message);
  }
}
