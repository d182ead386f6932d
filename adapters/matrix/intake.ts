import { createHash } from "node:crypto";
import type { JsonValue } from "../../src/contracts/json.ts";
import { ParleyError, toParleyError } from "../../src/errors/parley-error.ts";
import { storeEnvelope } from "../shared/store-envelope.ts";
import type { Account } from "./account.ts";
import { knownEvent } from "./event-index.ts";
import { type InboundContext, malformed, type Translation } from "./inbound-context.ts";
import { relatedTo, translateEvent } from "./inbound-event.ts";
import { inboundContext } from "./intake-context.ts";
import { findAsk, lookUp, messageWithout } from "./lookup.ts";
import { asEventId, asUserId } from "./matrix-ids.ts";
import { asRecord, asString, type Raw } from "./raw.ts";
import type { ReadMarks } from "./read-marks.ts";
import type { Tombstones } from "./tombstones.ts";

const PLATFORM = "matrix";

export interface IntakeOptions {
  /** Index of the first event that may be answered; those before it are context. Default 0: all. */
  readonly answerFrom?: number;
  /** The stretch was handed in before: what is stored of it is passed over. Default false. */
  readonly again?: boolean;
}

/** Takes the events of rooms to the sink, each room's in order. */
export class Intake {
  readonly #account: Account;
  readonly #marks: ReadMarks;
  readonly #tombstones: Tombstones;

  constructor(account: Account, marks: ReadMarks, tombstones: Tombstones) {
    this.#account = account;
    this.#marks = marks;
    this.#tombstones = tombstones;
  }

  /**
   * Takes a stretch of one room's timeline, oldest first; resolves when every event of it is committed, dead-lettered or known
   * to be of no interest. Rejects when one could not be stored: those after it are not taken, and all of it has to come again.
   */
  async take(roomId: string, events: readonly unknown[], options: IntakeOptions = {}): Promise<void> {
    const account = this.#account;
    const answerFrom = options.answerFrom ?? 0;
    if (events.length === 0) return;
    await account.memory.recall(roomId);
    await this.#known(roomId);
    for (const [index, value] of events.entries()) {
      if (options.again === true && account.stored.has(roomId, value)) continue;
      const event = asRecord(value);
      // One after another: what is read back after a failure ends at what is stored, so everything before that has to be.
      if (event === undefined) await this.#malformed(roomId, "event that is no object", value);
      else await this.#takeOne(roomId, event, index < answerFrom);
      account.stored.note(roomId, value);
    }
    await account.memory.keep(roomId);
    this.#marks.flush(roomId);
  }

  /** Without knowing who is in a room, what is said there would be said to nobody. */
  async #known(roomId: string): Promise<void> {
    const { rooms } = this.#account;
    await rooms.ensure(roomId);
    if (rooms.isAwaited(roomId))
      throw new ParleyError("PLATFORM_UNAVAILABLE", { detail: "the room's state cannot be read yet" });
  }

  /** Takes an event whose key came late. */
  async takeLate(roomId: string, event: Raw, note: JsonValue): Promise<void> {
    await this.#account.memory.recall(roomId);
    await this.#account.rooms.ensure(roomId);
    await this.#takeOne(roomId, event, asRecord(note)?.["context"] === true);
    this.#account.stored.note(roomId, event);
    await this.#account.memory.keep(roomId);
    this.#marks.flush(roomId);
  }

  /** Resolves once the event was read, its room changed accordingly, and it is committed. */
  async #takeOne(roomId: string, arrived: Raw, context: boolean): Promise<void> {
    const account = this.#account;
    account.lastEventAtMs = Date.now();
    const event = await this.#opened(roomId, arrived, context);
    if (event === undefined) return;
    const before = this.#before(roomId, event);
    if (typeof event["state_key"] === "string") account.rooms.take(roomId, event);
    const related = await this.#related(roomId, event);
    const known = knownEvent(roomId, event);
    const order = (originMs: number): string => account.order.next(roomId, originMs, Date.now());
    const inbound = inboundContext(account, { roomId, related, before, order });
    const translation = guarded(() => translateEvent(event, inbound));
    if (known !== undefined) {
      account.events.note(known);
      account.memory.note(known);
    }
    if (known?.threadId !== undefined && !known.isEdit) account.noteLatest(roomId, known.threadId, known.eventId);
    if (event["type"] === "m.room.tombstone" && !context) await this.#tombstones.note(roomId);
    if (!context && translation.outcome === "envelope") this.#marks.note(roomId, event, translation.envelope);
    await this.#store(roomId, event, translation, context);
  }

  /** The event in plain; undefined when it is encrypted and its key is missing, or when it is of no use. */
  async #opened(roomId: string, event: Raw, context: boolean): Promise<Raw | undefined> {
    // What was redacted before it arrived has no content left to decrypt.
    if (event["type"] !== "m.room.encrypted" || Object.keys(asRecord(event["content"]) ?? {}).length === 0)
      return event;
    const { crypto } = this.#account;
    if (crypto === undefined) {
      this.#ignored("m.room.encrypted", "encryption is off for this installation");
      return undefined;
    }
    return crypto.open(roomId, event, { context });
  }

  #before(roomId: string, event: Raw): InboundContext["before"] {
    const { rooms } = this.#account;
    const unsigned = asRecord(event["unsigned"]);
    const previous = asRecord(unsigned?.["prev_content"]) ?? asRecord(event["prev_content"]);
    if (event["type"] === "m.room.member") {
      const memberId = asUserId(event["state_key"]);
      const said = asString(previous?.["membership"]);
      // The room's state may have been read just now, and so be newer than this event: then only the event itself knows.
      const replaced = unsigned?.["replaces_state"] !== undefined || previous !== undefined;
      const seen = memberId === undefined ? undefined : rooms.get(roomId).member(memberId)?.membership;
      return { membership: said ?? (replaced ? seen : undefined), roomName: undefined };
    }
    return { membership: undefined, roomName: asString(previous?.["name"]) ?? asString(previous?.["alias"]) };
  }

  async #related(roomId: string, event: Raw): Promise<InboundContext["related"]> {
    const named = relatedTo(event);
    if (named === undefined) return undefined;
    const account = this.#account;
    const reading = `${roomId}\n${"eventId" in named ? named.eventId : named.code}`;
    try {
      const eventId = "eventId" in named ? named.eventId : await findAsk(account, roomId, named.code);
      const related = eventId === undefined ? undefined : await lookUp(account, roomId, eventId);
      if (related?.edits !== undefined && event["type"] === "m.room.redaction") {
        const restored = await messageWithout(account, roomId, { eventId: related.edits, editId: related.eventId });
        const threadId = (await lookUp(account, roomId, related.edits))?.threadId;
        return { ...related, threadId, restored };
      }
      if (related?.reaction === undefined) return related;
      // A reaction is in the thread of what it is about, and does not say so itself.
      return { ...related, threadId: (await lookUp(account, roomId, related.reaction.eventId))?.threadId };
    } catch (error) {
      if (!account.patience.isOver(reading, error)) throw error;
      account.sink.logger.error(
        { installationId: account.installationId, code: toParleyError(error).code },
        "an event that another one changes could not be read; the change is taken without it",
      );
      return undefined;
    }
  }

  #store(roomId: string, event: Raw, translation: Translation, context: boolean): Promise<void> {
    switch (translation.outcome) {
      case "ignored":
        this.#ignored(asString(event["type"]) ?? "unknown", translation.reason);
        return Promise.resolve();
      case "malformed":
        return this.#malformed(roomId, translation.reason, event);
      case "envelope": {
        const { sink } = this.#account;
        const ingest = (envelope: typeof translation.envelope) =>
          context ? sink.ingest(envelope, { context: true }) : sink.ingest(envelope);
        return storeEnvelope({ ingest }, translation.envelope, (reason) => this.#malformed(roomId, reason, event));
      }
    }
  }

  async #malformed(roomId: string, reason: string, value: unknown): Promise<void> {
    const raw = JSON.stringify(value) ?? "null";
    const eventId = asEventId(asRecord(value)?.["event_id"]);
    const identity = eventId ?? createHash("sha256").update(roomId).update(raw).digest("hex");
    await this.#account.sink.ingestMalformed({
      platform: PLATFORM,
      installationId: this.#account.installationId,
      organizationId: this.#account.record.organizationId,
      reason,
      raw,
      dedupeKey: `matrix:${this.#account.installationId}:${identity}`,
    });
  }

  #ignored(eventType: string, reason: string): void {
    const { installationId } = this.#account;
    this.#account.sink.ignored({ platform: PLATFORM, installationId, eventType: eventType.slice(0, 64), reason });
  }
}

/** An event that breaks the translation is a dead letter: were it refused, the homeserver would send it for ever. */
function guarded(translate: () => Translation): Translation {
  try {
    return translate();
  } catch (error) {
    return malformed(`translation failed: ${error instanceof Error ? error.name : "unknown"}`);
  }
}
