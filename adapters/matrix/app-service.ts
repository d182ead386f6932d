import { createHash } from "node:crypto";
import type { Account } from "./account.ts";
import type { Intake } from "./intake.ts";
import type { Joins } from "./joins.ts";
import { asRoomId, asUserId } from "./matrix-ids.ts";
import { MissedEvents } from "./missed-events.ts";
import type { Puppets } from "./puppets.ts";
import { asList, asRecord, asString, type Raw } from "./raw.ts";
import { isEntry, isMembershipOf, sinceInvite } from "./timeline.ts";

/** Transactions whose ids are remembered, so that a repeat costs nothing; its events would be known in any case. */
const MAX_REMEMBERED = 1_000;

export interface AppServiceTools {
  readonly account: Account;
  readonly intake: Intake;
  readonly joins: Joins;
  readonly puppets: Puppets;
}

/** Takes what the homeserver pushes to an application service. */
export class AppService {
  readonly account: Account;
  readonly #intake: Intake;
  readonly #joins: Joins;
  readonly #puppets: Puppets;
  readonly #done = new Set<string>();
  readonly #underWay = new Set<Promise<void>>();
  readonly #stopping = new AbortController();
  readonly #missed: MissedEvents;
  #order: Promise<void> = Promise.resolve();

  constructor({ account, intake, joins, puppets }: AppServiceTools) {
    this.account = account;
    this.#intake = intake;
    this.#joins = joins;
    this.#puppets = puppets;
    this.#missed = new MissedEvents(account, (roomId, events) =>
      this.#inOrder(() => intake.take(roomId, events, { again: true })),
    );
    account.onUnanswered = () => this.#missed.suspect();
  }

  get token(): string {
    return this.account.record.secrets["homeserverToken"] ?? "";
  }

  /**
   * Takes a transaction; resolves when all of its events are committed or known to be of no interest. Rejects when something could
   * not be stored: then the homeserver has to send it again, as it is. One at a time: the homeserver's order is the order.
   */
  transaction(txnId: string, body: Raw | undefined, raw: () => string): Promise<void> {
    return this.#inOrder(() => this.#take(txnId, body, raw));
  }

  /** The homeserver went away without hearing whether a transaction was taken. */
  hungUp(): void {
    this.#missed.suspect();
  }

  hasUser(userId: string): Promise<boolean> {
    const known = asUserId(userId);
    return known === undefined ? Promise.resolve(false) : this.#puppets.exists(known);
  }

  async stop(): Promise<void> {
    await this.#missed.close();
    await Promise.allSettled(this.#underWay);
    this.#stopping.abort();
  }

  #inOrder(take: () => Promise<void>): Promise<void> {
    const work = this.#order.then(take);
    this.#order = work.catch(() => undefined);
    this.#underWay.add(work);
    void work.catch(() => undefined).finally(() => this.#underWay.delete(work));
    return work;
  }

  async #take(txnId: string, body: Raw | undefined, raw: () => string): Promise<void> {
    const events = body?.["events"];
    const identity = identityOf(txnId, events);
    if (this.#done.has(identity)) {
      // It did not live to hear the answer.
      this.#missed.suspect();
      return;
    }
    if (!Array.isArray(events)) await this.#malformed("transaction without events", raw());
    else await this.#events(events);
    this.#done.add(identity);
    if (this.#done.size > MAX_REMEMBERED) for (const oldest of this.#done) return void this.#done.delete(oldest);
  }

  async #events(events: readonly unknown[]): Promise<void> {
    const byRoom = new Map<string, Raw[]>();
    for (const value of events) {
      const event = asRecord(value);
      const roomId = asRoomId(event?.["room_id"]);
      if (event === undefined || roomId === undefined) {
        await this.#malformed("event without a room", JSON.stringify(value) ?? "null");
        continue;
      }
      const room = byRoom.get(roomId);
      if (room === undefined) byRoom.set(roomId, [event]);
      else room.push(event);
    }
    const results = await Promise.allSettled([...byRoom].map(([roomId, list]) => this.#room(roomId, list)));
    const failure = results.find((result) => result.status === "rejected");
    if (failure !== undefined) throw failure.reason;
  }

  async #room(roomId: string, events: readonly Raw[]): Promise<void> {
    const { account } = this;
    for (const event of events) {
      const userId = asUserId(event["state_key"]);
      if (event["type"] !== "m.room.member" || userId === undefined || !account.isOwn(userId)) continue;
      const membership = asRecord(event["content"])?.["membership"];
      if (membership === "invite") await this.#invited(roomId, userId, event);
      else if (membership !== "join") account.rooms.take(roomId, event);
    }
    const own = events.filter((event) => this.#isOwnMembership(event));
    if (account.rooms.readersOf(roomId).length === 0 && !events.some((event) => this.#isOwnEntry(event))) {
      if (own.length === events.length) return this.#unseen(roomId, own);
      // The homeserver sends what is said in rooms of ours alone: another process must have joined.
      await this.#puppets.learnRooms();
    }
    const entry = events.findIndex((event) => this.#isOwnEntry(event));
    if (entry === -1) return this.#intake.take(roomId, events);
    await this.#entered(roomId, events, entry);
  }

  /** An account came in: what was said since its invitation was said to it, and was not pushed. */
  async #entered(roomId: string, events: readonly Raw[], entry: number): Promise<void> {
    const { account } = this;
    const userId = asString(events[entry]?.["state_key"]) ?? "";
    const first = account.rooms.readersOf(roomId).every((reader) => reader === userId);
    account.rooms.noteReader(roomId, userId);
    if (!first) return this.#intake.take(roomId, events);
    account.rooms.forget(roomId);
    account.rooms.noteReader(roomId, userId);
    const before = await sinceInvite(account, userId, { roomId, asUser: userId, signal: this.#stopping.signal }).catch(
      (error: unknown) => {
        if (!account.patience.isOver(`entry into ${roomId}`, error)) throw error;
        return { events: [], answerFrom: 0 };
      },
    );
    const pushed = new Set(events.map((event) => event["event_id"]));
    const unsent = (list: readonly Raw[]): Raw[] =>
      list.filter((event) => !pushed.has(event["event_id"]) && !isMembershipOf(event, userId, "invite"));
    // What came after the entry is pushed, or will be.
    const until = before.events.findIndex((event) => event["event_id"] === events[entry]?.["event_id"]);
    const earlier = before.events.slice(0, Math.max(0, until));
    const answerFrom = before.answerFrom ?? earlier.length;
    const context = unsent(earlier.slice(0, answerFrom));
    const missed = unsent(earlier.slice(answerFrom));
    await this.#intake.take(roomId, [...context, ...missed, ...events], { answerFrom: context.length });
  }

  /** Invitations to, and leaves from, a room that none of the accounts is in. */
  async #unseen(roomId: string, own: readonly Raw[]): Promise<void> {
    const left = own.filter((event) => asRecord(event["content"])?.["membership"] !== "invite");
    if (left.length > 0) await this.#intake.take(roomId, left);
    this.account.rooms.forget(roomId);
  }

  async #invited(roomId: string, userId: string, event: Raw): Promise<void> {
    if (!(await this.#puppets.exists(userId))) return;
    await this.#joins.invited(roomId, userId, event);
  }

  #isOwnMembership(event: Raw): boolean {
    const userId = asUserId(event["state_key"]);
    return event["type"] === "m.room.member" && userId !== undefined && this.account.isOwn(userId);
  }

  #isOwnEntry(event: Raw): boolean {
    const userId = asUserId(event["state_key"]);
    return userId !== undefined && this.account.isOwn(userId) && isEntry(event, userId);
  }

  async #malformed(reason: string, raw: string): Promise<void> {
    const { sink, installationId, record } = this.account;
    await sink.ingestMalformed({
      platform: "matrix",
      installationId,
      organizationId: record.organizationId,
      reason,
      raw,
      dedupeKey: `matrix:${installationId}:${createHash("sha256").update(raw).digest("hex")}`,
    });
  }
}

/** A Synapse on SQLite counts its transactions anew after each restart: the number alone names no transaction. */
function identityOf(txnId: string, events: unknown): string {
  return JSON.stringify([txnId, ...asList(events).map((event) => asString(asRecord(event)?.["event_id"]) ?? "")]);
}
