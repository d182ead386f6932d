import { toParleyError } from "../../src/errors/parley-error.ts";
import { BoundedMap } from "../shared/bounded-map.ts";
import type { Account } from "./account.ts";
import { clientPath } from "./client.ts";
import type { RoomFacts } from "./inbound-context.ts";
import { asRoomId } from "./matrix-ids.ts";
import { asList, asRecord, type Raw } from "./raw.ts";
import { RoomState } from "./room-state.ts";

const MAX_ROOMS = 20_000;
/** Age of a room's state, in ms, at which it is read again by a process that does not hear of all changes. */
const MAX_AGE_MS = 60_000;
/** The same before what must not be wrong: writing, and judging who may read. */
export const STRICT_AGE_MS = 5_000;
/** Levels of spaces above a room that are looked at. */
const MAX_SPACE_DEPTH = 5;
/** A room that could not be read is asked for again after this. */
const RETRY_MS = 30_000;
/** The same where it is to be expected that the next try succeeds. */
const PASSING_RETRY_MS = 1_000;
const DIRECT_PREFIX = "direct/";

interface Known {
  readonly state: RoomState;
  loaded: boolean;
  loadedAtMs: number;
  triedAtMs: number;
  /** The last try failed for a reason that passes. */
  passing: boolean;
}

/** What the account knows of its rooms: read from the homeserver when a room is first needed, kept up by what sync and transactions bring. */
export class Rooms {
  readonly #account: Account;
  readonly #rooms = new BoundedMap<string, Known>({ maxEntries: MAX_ROOMS });
  readonly #loading = new Map<string, Promise<void>>();
  /** Rooms to which an account was invited as to a direct message. */
  readonly #direct = new Set<string>();
  /** Child of each known space, so that a room's parents can be asked from below. */
  readonly #parents = new Map<string, Set<string>>();
  /** Which of the own accounts is in a room; the first found is asked to read it. */
  readonly #readers = new Map<string, Set<string>>();
  /** Finds out which rooms the accounts of an application service are in; set where there are several. */
  findReaders: (() => Promise<void>) | undefined;

  constructor(account: Account) {
    this.#account = account;
  }

  /** Reads what earlier processes noted. */
  async restore(): Promise<void> {
    const rows = await this.#account.sink.state.read(this.#account.installationId, DIRECT_PREFIX);
    for (const key of rows.keys()) this.#direct.add(key.slice(DIRECT_PREFIX.length));
  }

  /** The room's state as far as it is known; nothing is fetched. */
  get(roomId: string): RoomState {
    return this.#entry(roomId).state;
  }

  /**
   * Makes sure that the room's state was read, and is not older than `maxAgeMs` (default a minute) where changes do not all come
   * to this process. Never rejects: what cannot be read stays unknown, which means closed.
   */
  async ensure(roomId: string, maxAgeMs = MAX_AGE_MS): Promise<RoomState> {
    const known = this.#entry(roomId);
    const now = Date.now();
    const old = !this.#account.live && now - known.loadedAtMs > maxAgeMs;
    const retryMs = known.passing ? PASSING_RETRY_MS : RETRY_MS;
    if (known.loaded && !old) return known.state;
    // Somebody else's reading is waited for: until it ends nobody is known to be in the room, and what is said there would be said to nobody.
    let loading = this.#loading.get(roomId);
    if (loading === undefined) {
      if (!known.loaded && now - known.triedAtMs < retryMs) return known.state;
      loading = this.#load(roomId, known).finally(() => this.#loading.delete(roomId));
      this.#loading.set(roomId, loading);
    }
    await loading;
    return known.state;
  }

  /** Nothing was ever read of the room, for a reason that passes: who is in it will be known soon. */
  isAwaited(roomId: string): boolean {
    const { loadedAtMs, passing } = this.#entry(roomId);
    return loadedAtMs === 0 && passing;
  }

  isLoaded(roomId: string): boolean {
    return this.#entry(roomId).loaded;
  }

  facts(roomId: string): RoomFacts {
    const state = this.get(roomId);
    return { state, direct: this.isDirect(roomId), spaces: this.#spacesOf(roomId) };
  }

  isDirect(roomId: string): boolean {
    if (this.#direct.has(roomId)) return true;
    return this.get(roomId).someMember((userId, member) => member.direct && this.#account.isOwn(userId));
  }

  /** Notes, also for later processes, that the room is a direct message. */
  async markDirect(roomId: string): Promise<void> {
    if (this.#direct.has(roomId)) return;
    this.#direct.add(roomId);
    const mark = new Map([[`${DIRECT_PREFIX}${roomId}`, new Uint8Array([1])]]);
    await this.#account.sink.state.write(this.#account.installationId, mark);
  }

  /** Takes the account data `m.direct`, which clients keep. */
  noteDirect(content: Raw): void {
    for (const list of Object.values(content))
      for (const value of asList(list).slice(0, 1_000)) {
        const roomId = asRoomId(value);
        if (roomId !== undefined) this.#direct.add(roomId);
      }
  }

  /** Takes a state event that came with its room. */
  take(roomId: string, event: Raw): void {
    const { state } = this.#entry(roomId);
    state.take(event);
    if (event["type"] === "m.space.child" && typeof event["state_key"] === "string") {
      const child = event["state_key"];
      if (state.children.has(child)) this.#parentsOf(child).add(roomId);
      else this.#parents.get(child)?.delete(roomId);
    }
    if (event["type"] === "m.room.member" && typeof event["state_key"] === "string") {
      const userId = event["state_key"];
      if (state.member(userId)?.membership === "join" && this.#account.isOwn(userId)) this.noteReader(roomId, userId);
      else this.#readers.get(roomId)?.delete(userId);
    }
  }

  noteReader(roomId: string, userId: string): void {
    const readers = this.#readers.get(roomId);
    if (readers === undefined) this.#readers.set(roomId, new Set([userId]));
    else readers.add(userId);
  }

  /** For whom an application service reads the room; undefined for its own account and for bots. */
  readerOf(roomId: string): string | undefined {
    if (this.#account.puppetPrefix === undefined) return undefined;
    const readers = this.#readers.get(roomId);
    if (readers === undefined || readers.has(this.#account.userId)) return undefined;
    for (const reader of readers) return reader;
    return undefined;
  }

  /** The own accounts that are known to be in the room. */
  readersOf(roomId: string): readonly string[] {
    return [...(this.#readers.get(roomId) ?? [])];
  }

  /** Rooms in which one of the own accounts is known to be. */
  entered(): readonly string[] {
    return [...this.#readers].flatMap(([roomId, readers]) => (readers.size > 0 ? [roomId] : []));
  }

  /** What is known of the room may be older than it seems: it is read again when it is next needed. */
  distrust(roomId: string): void {
    this.#entry(roomId).loadedAtMs = 1;
  }

  /** Forgets a room that was left: it is read anew should the account come back. */
  forget(roomId: string): void {
    this.#rooms.delete(roomId);
    this.#readers.delete(roomId);
  }

  async #load(roomId: string, known: Known): Promise<void> {
    known.triedAtMs = Date.now();
    const account = this.#account;
    // Right after a start, and where another process joined: the service's own account need not be in the room, and would be refused.
    if (this.readersOf(roomId).length === 0) await this.findReaders?.().catch(() => undefined);
    try {
      const events = await account.client.list({
        method: "GET",
        label: "room state",
        path: clientPath("rooms", roomId, "state"),
        asUser: this.readerOf(roomId),
      });
      for (const value of events) {
        const event = asRecord(value);
        if (event !== undefined) this.take(roomId, event);
      }
      known.loaded = true;
      known.passing = false;
      known.loadedAtMs = Date.now();
      await this.#loadParents(known.state);
    } catch (error) {
      const fault = toParleyError(error);
      // Too old to be believed, and not to be had anew: unknown.
      known.loaded = false;
      known.passing = fault.row.retry !== "never" && !account.patience.isOver(`state of ${roomId}`, fault);
      account.sink.logger.warn(
        { installationId: account.installationId, code: fault.code, detail: fault.detail },
        "the state of a Matrix room could not be read; it counts as private",
      );
    }
  }

  /** A space that the room names is believed only if it says the same: it has to be one that the account is in. */
  async #loadParents(state: RoomState): Promise<void> {
    for (const parent of state.parents.slice(0, 3)) {
      const known = this.#entry(parent);
      if (known.loaded || this.#loading.has(parent) || Date.now() - known.triedAtMs < RETRY_MS) continue;
      if ((this.#readers.get(parent)?.size ?? 0) === 0 && this.#account.puppetPrefix !== undefined) continue;
      const loading = this.#load(parent, known).finally(() => this.#loading.delete(parent));
      this.#loading.set(parent, loading);
      await loading;
    }
  }

  /** From the outermost space to the innermost; where a room is in several, the one it calls canonical, else the first by id. */
  #spacesOf(roomId: string): RoomFacts["spaces"] {
    const spaces: { id: string; name: string | undefined }[] = [];
    const seen = new Set([roomId]);
    let current = roomId;
    while (spaces.length < MAX_SPACE_DEPTH) {
      const above = [...(this.#parents.get(current) ?? [])].toSorted();
      const named = this.#rooms.get(current)?.state.parents ?? [];
      const parent = named.find((space) => above.includes(space)) ?? above[0];
      if (parent === undefined || seen.has(parent)) break;
      seen.add(parent);
      spaces.unshift({ id: parent, name: this.get(parent).name });
      current = parent;
    }
    return spaces;
  }

  #parentsOf(child: string): Set<string> {
    const known = this.#parents.get(child) ?? new Set<string>();
    this.#parents.set(child, known);
    return known;
  }

  #entry(roomId: string): Known {
    let known = this.#rooms.get(roomId);
    if (known === undefined) {
      known = { state: new RoomState(roomId), loaded: false, loadedAtMs: 0, triedAtMs: 0, passing: false };
      this.#rooms.set(roomId, known);
    }
    return known;
  }
}
