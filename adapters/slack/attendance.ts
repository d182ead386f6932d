import { randomUUID } from "node:crypto";
import type { AdapterLease, AdapterStateStore } from "../../src/contracts/adapter-state.ts";
import { asRecord } from "./raw.ts";
import { asTs, tsToOrder } from "./timestamps.ts";

const PREFIX = "catch-up/";
const SEEN = `${PREFIX}seen`;
const BASELINE = `${PREFIX}baseline`;
const GAP = `${PREFIX}gap/`;
const CURSOR = `${PREFIX}cursor/`;

/** What is kept of one installation, over restarts and for all processes. */
export interface Kept {
  /** When some process last could take events; undefined before the first run. */
  readonly seenAtMs: number | undefined;
  /** That process ended in order, and nobody has taken events since as far as is known. */
  readonly stopped: boolean;
  /** When the first run began; nothing older is read. */
  readonly baselineMs: number;
  /** Times in which events were missed, by the id of each, with when the last of them may have been dropped. */
  readonly gaps: ReadonlyMap<string, number>;
  /** Per channel, the newest message up to which everything was ingested. */
  readonly cursors: ReadonlyMap<string, string>;
}

/**
 * Keeps of one installation how far each channel was ingested, when events could last be taken, and which gaps are still to be
 * read.
 *
 * While a gap is open, live messages move no cursor: what a crash interrupts is read again from before the gap. A write covers
 * all that moved since the last one, and a cursor is written after the messages that it covers were ingested, never before.
 */
export class Attendance {
  /** When this process last wrote that it is here; undefined before its first look. */
  seenAtMs: number | undefined;
  readonly #state: AdapterStateStore;
  readonly #installationId: string;
  /** The newest live message per channel that is not written down. */
  readonly #newest = new Map<string, string>();
  /** Until when events may still be dropped in the gap that is about to be opened. */
  #openingUntilMs: number | undefined;

  constructor(state: AdapterStateStore, installationId: string) {
    this.#state = state;
    this.#installationId = installationId;
  }

  /** Rejects with LEDGER_UNAVAILABLE. */
  async read(): Promise<Kept> {
    const rows = await this.#state.read(this.#installationId, PREFIX);
    const seen = decode(rows.get(SEEN));
    const gaps = new Map<string, number>();
    const cursors = new Map<string, string>();
    for (const [key, row] of rows) {
      if (key.startsWith(GAP)) gaps.set(key.slice(GAP.length), numberOf(decode(row)?.["untilMs"]) ?? 0);
      const ts = key.startsWith(CURSOR) ? asTs(decode(row)?.["ts"]) : undefined;
      if (ts !== undefined) cursors.set(key.slice(CURSOR.length), ts);
    }
    return {
      seenAtMs: numberOf(seen?.["atMs"]),
      stopped: seen?.["stopped"] === true,
      baselineMs: numberOf(decode(rows.get(BASELINE))?.["atMs"]) ?? 0,
      gaps,
      cursors,
    };
  }

  /** A live message is in the ledger. */
  taken(channelId: string, ts: string): void {
    const known = this.#newest.get(channelId);
    if (known === undefined || tsToOrder(ts) > tsToOrder(known)) this.#newest.set(channelId, ts);
  }

  /** From now on live messages move no cursor; the gap itself is written with the next `write`. */
  open(untilMs: number): void {
    this.#openingUntilMs = Math.max(this.#openingUntilMs ?? 0, untilMs);
  }

  /** Writes in one piece that events can be taken now, a gap that was opened, and, when no gap is open, the cursors. Gives whether there is a gap. */
  async write(nowMs: number, how: { readonly first?: boolean; readonly stopped?: boolean } = {}): Promise<boolean> {
    const others = await this.#state.read(this.#installationId, GAP);
    const untilMs = this.#openingUntilMs;
    const open = others.size > 0 || untilMs !== undefined;
    const moved = open ? [] : [...this.#newest];
    const changes = new Map<string, Uint8Array>([[SEEN, encode({ atMs: nowMs, stopped: how.stopped === true })]]);
    if (how.first === true) changes.set(BASELINE, encode({ atMs: nowMs }));
    if (untilMs !== undefined) changes.set(GAP + randomUUID(), encode({ untilMs }));
    for (const [channelId, ts] of moved) changes.set(CURSOR + channelId, encode({ ts }));
    await this.#state.write(this.#installationId, changes);
    this.seenAtMs = nowMs;
    if (this.#openingUntilMs === untilMs) this.#openingUntilMs = undefined;
    for (const [channelId, ts] of moved) if (this.#newest.get(channelId) === ts) this.#newest.delete(channelId);
    return open;
  }

  /** A channel was read up to this message. */
  async advance(channelId: string, ts: string, lease: AdapterLease): Promise<void> {
    await this.#state.write(this.#installationId, new Map([[CURSOR + channelId, encode({ ts })]]), lease);
  }

  /** These gaps were read. */
  async close(gaps: readonly string[], lease: AdapterLease): Promise<void> {
    if (gaps.length > 0)
      await this.#state.write(this.#installationId, new Map(gaps.map((id) => [GAP + id, null])), lease);
  }
}

function encode(row: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(row));
}

/** What cannot be read says nothing. */
function decode(row: Uint8Array | undefined): ReturnType<typeof asRecord> {
  if (row === undefined) return undefined;
  try {
    return asRecord(JSON.parse(new TextDecoder().decode(row)));
  } catch {
    return undefined;
  }
}

function numberOf(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}
