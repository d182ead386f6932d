import { createHash } from "node:crypto";
import { deserialize, serialize } from "node:v8";
import type { JsonValue } from "../../../src/contracts/json.ts";
import type { Logger } from "../../../src/contracts/logger.ts";
import { asRecord, asString, type Raw } from "../raw.ts";
import type { DeviceRows } from "./device-rows.ts";

/** An event whose key is missing, as it was when it came. */
export interface KeptEvent {
  readonly roomId: string;
  readonly event: Raw;
  readonly note: JsonValue;
  /** In the order of arrival, over restarts. */
  readonly position: number;
  /** Unix time, ms. */
  readonly keptAtMs: number;
  /** Its key is not owed to this device: the event is from before it was there. */
  readonly historical: boolean;
}

/** Beyond these, the oldest go: a room can be filled with events that nobody can read. */
const MAX_EVENTS = 5_000;
const MAX_AGE_MS = 30 * 24 * 60 * 60_000;

/** The events that wait for their keys: durable rows, mirrored in memory. */
export class Undecryptable {
  readonly #rows: DeviceRows;
  readonly #logger: Logger;
  readonly #events = new Map<string, KeptEvent>();
  #position = 0;

  private constructor(rows: DeviceRows, logger: Logger) {
    this.#rows = rows;
    this.#logger = logger;
  }

  static async load(rows: DeviceRows, logger: Logger, nowMs: number): Promise<Undecryptable> {
    const loaded = new Undecryptable(rows, logger);
    const kept = [...(await rows.read())].map(
      ([key, bytes]): [string, KeptEvent] => [key, deserialize(bytes) as KeptEvent], // written below, sealed in the ledger since
    );
    for (const [key, event] of kept.sort((a, b) => a[1].position - b[1].position)) {
      loaded.#events.set(key, event);
      loaded.#position = Math.max(loaded.#position, event.position);
    }
    await loaded.#drop(
      [...loaded.#events].flatMap(([key, { keptAtMs }]) => (nowMs - keptAtMs > MAX_AGE_MS ? key : [])),
    );
    return loaded;
  }

  /** Resolves when the event is durable. */
  async keep(event: Omit<KeptEvent, "position">): Promise<void> {
    const key = keyOf(event.roomId, event.event);
    if (this.#events.has(key)) return;
    this.#position += 1;
    const kept: KeptEvent = { ...event, position: this.#position };
    this.#events.set(key, kept);
    await this.#rows.write(new Map([[key, serialize(kept)]]));
    if (this.#events.size > MAX_EVENTS)
      await this.#drop([...this.#events.keys()].slice(0, this.#events.size - MAX_EVENTS));
  }

  async remove({ roomId, event }: KeptEvent): Promise<void> {
    const key = keyOf(roomId, event);
    if (this.#events.delete(key)) await this.#rows.write(new Map([[key, null]]));
  }

  /** In the order of arrival; of one session when it is named. */
  waiting(session?: { readonly roomId: string; readonly sessionId: string }): readonly KeptEvent[] {
    const all = [...this.#events.values()];
    if (session === undefined) return all;
    return all.filter(({ roomId, event }) => roomId === session.roomId && sessionOf(event) === session.sessionId);
  }

  /** Events that should be readable and are not. */
  get missing(): number {
    let count = 0;
    for (const { historical } of this.#events.values()) if (!historical) count += 1;
    return count;
  }

  async #drop(keys: readonly string[]): Promise<void> {
    if (keys.length === 0) return;
    for (const key of keys) this.#events.delete(key);
    await this.#rows.write(new Map(keys.map((key) => [key, null])));
    this.#logger.warn({ events: keys.length }, "events whose keys never came were given up");
  }
}

export function sessionOf(event: Raw): string | undefined {
  return asString(asRecord(event["content"])?.["session_id"]);
}

function keyOf(roomId: string, event: Raw): string {
  return createHash("sha256")
    .update(JSON.stringify([roomId, event["event_id"]]))
    .digest("base64url");
}
