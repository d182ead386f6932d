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
  /** Its key is owed to nobody: the event is from before the account was there. */
  readonly historical: boolean;
}

/** Beyond these, the oldest go: a room can be filled with events that nobody can read. */
const LIMITS = { maxEvents: 5_000, maxBytes: 33_554_432 };
const MAX_AGE_MS = 30 * 24 * 60 * 60_000;

/** The events that wait for their keys: durable rows, mirrored in memory. */
export class Undecryptable {
  readonly #rows: DeviceRows;
  readonly #logger: Logger;
  readonly #limits: typeof LIMITS;
  readonly #events = new Map<string, KeptEvent>();
  readonly #sizes = new Map<string, number>();
  #bytes = 0;
  #position = 0;

  private constructor(rows: DeviceRows, logger: Logger, limits: typeof LIMITS) {
    this.#rows = rows;
    this.#logger = logger;
    this.#limits = limits;
  }

  static async load(rows: DeviceRows, logger: Logger, nowMs: number, limits = LIMITS): Promise<Undecryptable> {
    const loaded = new Undecryptable(rows, logger, limits);
    const kept = [...(await rows.read())].map(
      ([key, bytes]): [string, KeptEvent, number] => [key, deserialize(bytes) as KeptEvent, bytes.length], // written below, sealed in the ledger since
    );
    for (const [key, event, size] of kept.sort((a, b) => a[1].position - b[1].position)) {
      loaded.#add(key, event, size);
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
    const bytes = serialize(kept);
    this.#add(key, kept, bytes.length);
    await this.#rows.write(new Map([[key, bytes]]));
    await this.#drop(this.#tooMany());
  }

  async remove({ roomId, event }: KeptEvent): Promise<void> {
    const key = keyOf(roomId, event);
    if (this.#take(key)) await this.#rows.write(new Map([[key, null]]));
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

  #add(key: string, event: KeptEvent, size: number): void {
    this.#events.set(key, event);
    this.#sizes.set(key, size);
    this.#bytes += size;
  }

  #take(key: string): boolean {
    this.#bytes -= this.#sizes.get(key) ?? 0;
    this.#sizes.delete(key);
    return this.#events.delete(key);
  }

  /** The oldest, as many as have to go. */
  #tooMany(): readonly string[] {
    const keys: string[] = [];
    let [count, bytes] = [this.#events.size, this.#bytes];
    for (const [key, size] of this.#sizes) {
      if (count <= this.#limits.maxEvents && bytes <= this.#limits.maxBytes) break;
      keys.push(key);
      count -= 1;
      bytes -= size;
    }
    return keys;
  }

  async #drop(keys: readonly string[]): Promise<void> {
    if (keys.length === 0) return;
    for (const key of keys) this.#take(key);
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
