import type { EnvelopeInput } from "../../src/envelope/envelope.ts";
import type { Account } from "./account.ts";
import { clientPath } from "./client.ts";
import { asEventId, asUserId } from "./matrix-ids.ts";
import type { Raw } from "./raw.ts";

/** Most own accounts of one room that say that they have read. */
const MAX_READERS = 10;
/** Most receipts under way; marks beyond them wait and are overtaken by newer ones. */
const MAX_UNDER_WAY = 8;
const TIMEOUT_MS = 10_000;

interface Mark {
  readonly roomId: string;
  readonly threadId: string;
  readonly eventId: string;
}

/**
 * Tells people that their messages were read, per thread, once they are in the ledger.
 *
 * Best effort: a receipt that fails is not repeated, the next message brings another.
 */
export class ReadMarks {
  readonly #account: Account;
  /** Newest message per room and thread that is not committed yet. */
  readonly #noted = new Map<string, Map<string, string>>();
  readonly #due = new Map<string, Mark>();
  readonly #stopping = new AbortController();
  #underWay = 0;

  constructor(account: Account) {
    this.#account = account;
  }

  note(roomId: string, event: Raw, envelope: EnvelopeInput): void {
    const eventId = asEventId(event["event_id"]);
    const sender = asUserId(event["sender"]);
    if (envelope.kind !== "message_created" || eventId === undefined || sender === undefined) return;
    if (this.#account.isOwn(sender)) return;
    const room = this.#noted.get(roomId) ?? new Map<string, string>();
    room.set(envelope.conversation.thread?.id ?? "main", eventId);
    this.#noted.set(roomId, room);
  }

  /** Sends what was noted of the room: now it is committed. */
  flush(roomId: string): void {
    for (const [threadId, eventId] of this.#noted.get(roomId) ?? [])
      this.#due.set(`${roomId}\n${threadId}`, { roomId, threadId, eventId });
    this.#noted.delete(roomId);
    this.#pump();
  }

  close(): void {
    this.#stopping.abort();
    this.#due.clear();
  }

  #pump(): void {
    for (const [key, mark] of this.#due) {
      if (this.#underWay >= MAX_UNDER_WAY || this.#stopping.signal.aborted) return;
      this.#due.delete(key);
      this.#underWay += 1;
      void this.#send(mark).finally(() => {
        this.#underWay -= 1;
        this.#pump();
      });
    }
  }

  async #send({ roomId, threadId, eventId }: Mark): Promise<void> {
    const account = this.#account;
    const readers =
      account.puppetPrefix === undefined ? [undefined] : account.rooms.readersOf(roomId).slice(0, MAX_READERS);
    for (const asUser of readers) {
      await account
        .call({
          method: "POST",
          label: "read receipt",
          path: clientPath("rooms", roomId, "receipt", "m.read", eventId),
          body: { thread_id: threadId },
          asUser,
          signal: this.#stopping.signal,
          timeoutMs: TIMEOUT_MS,
        })
        .catch(() => undefined);
    }
  }
}
