import type { AdapterSink } from "../../src/contracts/adapter-sink.ts";
import type { WebRoomStore } from "../../src/contracts/web-room-store.ts";
import { ParleyError, toParleyError } from "../../src/errors/parley-error.ts";
import { storeEnvelope } from "../shared/store-envelope.ts";
import { dedupeKeyOf, eventToEnvelope } from "./inbound.ts";

/** How often entries that were stored but not handed on (a crash came between) are looked for, in ms. */
const SWEEP_INTERVAL_MS = 3_000;
/** Younger entries are still in the hands of the request that made them. */
const SWEEP_MIN_AGE_MS = 2_000;
const BATCH_EVENTS = 100;

interface Running {
  readonly sink: AdapterSink;
  readonly installationOf: (organizationId: string) => Promise<string>;
}

/**
 * Hands the platform log on to the pipeline: in order per room, each entry until it is committed there, and never past one that failed.
 *
 * Any process may hand on any entry: a room's earlier entries are committed before its later ones, so whoever reads the room's
 * pending entries sees every earlier one, and the dedupe key makes a second delivery harmless.
 */
export class Intake {
  readonly #store: WebRoomStore;
  readonly #rounds = new Map<string, { current: Promise<void>; next: Promise<void> | undefined }>();
  #running: Running | undefined;
  #timer: NodeJS.Timeout | undefined;
  #sweep: Promise<void> = Promise.resolve();
  lastEventAt: string | undefined;

  constructor(store: WebRoomStore) {
    this.#store = store;
  }

  /** Begins with what an earlier process left behind. */
  async start(running: Running): Promise<void> {
    this.#running = running;
    await this.#sweepOnce(0);
    this.#timer = setInterval(() => {
      this.#sweep = this.#sweep.then(() => this.#sweepOnce(SWEEP_MIN_AGE_MS));
    }, SWEEP_INTERVAL_MS);
    this.#timer.unref();
  }

  /** Hands on soon, in the background, what was stored just now in rooms that the caller does not know. */
  sweepSoon(): void {
    if (this.#running !== undefined) this.#sweep = this.#sweep.then(() => this.#sweepOnce(0));
  }

  /** Takes nothing new and waits for what is under way. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#sweep;
    this.#running = undefined;
    await Promise.allSettled([...this.#rounds.values()].flatMap(({ current, next }) => [current, next ?? current]));
  }

  /**
   * Resolves when every entry of the room that is committed now is committed in the pipeline.
   *
   * Requests that come while a round is under way share the next one. Rejects with LEDGER_UNAVAILABLE; the entries stay and are tried again.
   */
  drain(organizationId: string, roomId: string): Promise<void> {
    const round = this.#rounds.get(roomId);
    if (round === undefined) {
      const started = { current: this.#round(organizationId, roomId), next: undefined };
      this.#rounds.set(roomId, started);
      return started.current;
    }
    round.next ??= round.current
      .catch(() => undefined)
      .then(() => {
        const started = { current: this.#round(organizationId, roomId), next: undefined };
        this.#rounds.set(roomId, started);
        return started.current;
      });
    return round.next;
  }

  async #round(organizationId: string, roomId: string): Promise<void> {
    try {
      await this.#handOn(organizationId, roomId);
    } finally {
      const round = this.#rounds.get(roomId);
      if (round?.next === undefined) this.#rounds.delete(roomId);
    }
  }

  async #handOn(organizationId: string, roomId: string): Promise<void> {
    const running = this.#running;
    if (running === undefined) {
      throw new ParleyError("LEDGER_UNAVAILABLE", { detail: "The web room is not running in this process." });
    }
    const installationId = await running.installationOf(organizationId);
    for (;;) {
      const events = await this.#store.events.pending(organizationId, roomId, BATCH_EVENTS);
      const done: number[] = [];
      try {
        for (const event of events) {
          await ingestOne(running.sink, event, installationId);
          done.push(event.seq);
          this.lastEventAt = event.occurredAt;
        }
      } finally {
        if (done.length > 0) await this.#store.events.markIngested(roomId, done);
      }
      if (events.length < BATCH_EVENTS) return;
    }
  }

  async #sweepOnce(minAgeMs: number): Promise<void> {
    try {
      for (const { organizationId, roomId } of await this.#store.events.roomsWithPending(minAgeMs)) {
        await this.drain(organizationId, roomId);
      }
    } catch (error) {
      // The entries stay: the next sweep tries again.
      this.#running?.sink.logger.warn({ code: toParleyError(error).code }, "web room: entries wait for the pipeline");
    }
  }
}

type PendingEvent = Parameters<typeof eventToEnvelope>[0];

async function ingestOne(sink: AdapterSink, event: PendingEvent, installationId: string): Promise<void> {
  const translation = eventToEnvelope(event, installationId);
  const storeMalformed = (reason: string): Promise<void> =>
    sink.ingestMalformed({
      platform: "web",
      installationId,
      organizationId: event.organizationId,
      reason,
      raw: JSON.stringify(event),
      dedupeKey: dedupeKeyOf(installationId, event.roomId, event.seq),
    });
  if ("envelope" in translation) return storeEnvelope(sink, translation.envelope, storeMalformed);
  if ("ignored" in translation) {
    sink.ignored({ platform: "web", installationId, eventType: event.kind, reason: translation.ignored });
    return;
  }
  await storeMalformed(translation.malformed);
}
