import { ParleyError, toParleyError } from "../../src/errors/parley-error.ts";
import { BoundedMap } from "../shared/bounded-map.ts";
import type { Account } from "./account.ts";
import { clientPath } from "./client.ts";
import { asList, asRecord, asString, type Raw } from "./raw.ts";
import { STRICT_AGE_MS } from "./rooms.ts";

/** Events looked up at once. */
const PARALLEL = 4;
const MAX_REMEMBERED = 20_000;
/** Of those with all of a room's members; a room may have thousands. */
const MAX_WITH_MEMBERS = 200;
/** Pages of changes of a room's history visibility that are looked through. */
const MAX_PAGES = 5;
const CHANGES = JSON.stringify({ types: ["m.room.history_visibility"] });
const LAZY = JSON.stringify({ lazy_load_members: true });

interface StateThen {
  readonly historyVisibility: string;
  /** Membership of each user at the event; undefined while only the visibility was asked for. */
  readonly members: ReadonlyMap<string, string> | undefined;
}

/** What a room's state was when an event happened, which never changes. */
export class PastVisibility {
  readonly #known = new BoundedMap<string, StateThen>({ maxEntries: MAX_REMEMBERED });
  readonly #withMembers = new BoundedMap<string, StateThen>({ maxEntries: MAX_WITH_MEMBERS });
  readonly #running = new Map<string, Promise<StateThen>>();
  /** Rooms by the event that says how visible their history is. */
  readonly #alwaysOpen = new BoundedMap<string, boolean>({ maxEntries: MAX_REMEMBERED });

  /**
   * Which of these users, all in the room now, may see each of the events: by the history's visibility and their membership when it
   * happened. An event that is not known is seen by nobody, but in a room whose history was open to whoever joins all along, where nothing
   * is asked. Rejects while the homeserver is away, and what was found out till then is remembered. https://spec.matrix.org/v1.19/client-server-api/#server-behaviour-6
   */
  async readers(
    account: Account,
    query: {
      readonly roomId: string;
      readonly memberIds: readonly string[];
      readonly eventIds: readonly string[];
      readonly signal: AbortSignal;
    },
  ): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
    const { roomId, memberIds, eventIds, signal } = query;
    if (await this.#isAlwaysOpen(account, roomId, signal)) {
      const everybody = new Set(memberIds);
      return new Map(eventIds.map((eventId) => [eventId, everybody]));
    }
    const readers = new Map<string, ReadonlySet<string>>();
    const waiting = [...new Set(eventIds)];
    let failure: ParleyError | undefined;
    const work = async (): Promise<void> => {
      for (let eventId = waiting.pop(); eventId !== undefined; eventId = waiting.pop()) {
        const then = await this.#stateAt(account, roomId, eventId, signal).catch((thrown: unknown): undefined => {
          const error = toParleyError(thrown, "PLATFORM_UNAVAILABLE");
          if (error.row.retry !== "never") failure ??= error;
        });
        readers.set(eventId, new Set(memberIds.filter((userId) => then !== undefined && mayHaveSeen(then, userId))));
      }
    };
    await Promise.all(Array.from({ length: PARALLEL }, work));
    if (failure !== undefined) throw failure;
    return readers;
  }

  /** One question per change of the room's visibility; false when it cannot be found out. */
  async #isAlwaysOpen(account: Account, roomId: string, signal: AbortSignal): Promise<boolean> {
    const state = await account.rooms.ensure(roomId, STRICT_AGE_MS);
    if (!account.rooms.isLoaded(roomId) || dependsOnMembership(state.historyVisibility)) return false;
    const key = `${account.installationId}\n${roomId}\n${state.historyVisibilityId ?? ""}`;
    const known = this.#alwaysOpen.get(key);
    if (known !== undefined) return known;
    const open = await wasAlwaysOpen(account, roomId, signal).catch(() => undefined);
    if (open !== undefined) this.#alwaysOpen.set(key, open);
    return open === true;
  }

  async #stateAt(account: Account, roomId: string, eventId: string, signal: AbortSignal): Promise<StateThen> {
    const key = `${account.installationId}\n${roomId}\n${eventId}`;
    const known = this.#known.get(key) ?? this.#withMembers.get(key);
    if (known !== undefined) return known;
    const running = this.#running.get(key) ?? lookUp(account, roomId, eventId, signal);
    this.#running.set(key, running);
    try {
      const then = await running;
      (then.members === undefined ? this.#known : this.#withMembers).set(key, then);
      return then;
    } finally {
      this.#running.delete(key);
    }
  }
}

/**
 * Whether a room's history was open to whoever joins from the beginning.
 *
 * A change of the visibility is shown by what it was before or by what it became, whichever shows more: that which once closed an
 * open history is always among them. https://spec.matrix.org/v1.19/client-server-api/#server-behaviour-6
 */
async function wasAlwaysOpen(account: Account, roomId: string, signal: AbortSignal): Promise<boolean> {
  let from: string | undefined;
  for (let page = 0; page < MAX_PAGES; page++) {
    const answer = await account.call({
      method: "GET",
      label: "changes of the history's visibility",
      path: clientPath("rooms", roomId, "messages"),
      query: { dir: "b", limit: 100, filter: CHANGES, from },
      asUser: account.rooms.readerOf(roomId),
      signal,
    });
    for (const value of asList(answer["chunk"])) {
      const visibility = asString(asRecord(asRecord(value)?.["content"])?.["history_visibility"]);
      if (visibility === undefined || dependsOnMembership(visibility)) return false;
    }
    const end = asString(answer["end"]);
    if (end === undefined || end === from) return true;
    from = end;
  }
  return false;
}

/** A room may have thousands of members: they are asked for only where it depends on them. */
async function lookUp(account: Account, roomId: string, eventId: string, signal: AbortSignal): Promise<StateThen> {
  const then = stateOf(await contextOf(account, { roomId, eventId, filter: LAZY, signal }), false);
  if (!dependsOnMembership(then.historyVisibility)) return then;
  return stateOf(await contextOf(account, { roomId, eventId, filter: undefined, signal }), true);
}

/** Whether somebody who is in the room now may see what happened then. Pure. */
function mayHaveSeen(then: StateThen, userId: string): boolean {
  if (!dependsOnMembership(then.historyVisibility)) return true;
  const membership = then.members?.get(userId);
  return membership === "join" || (membership === "invite" && then.historyVisibility === "invited");
}

/** Anything but these two is judged as `joined`, the narrowest. */
function dependsOnMembership(historyVisibility: string): boolean {
  return historyVisibility !== "shared" && historyVisibility !== "world_readable";
}

async function contextOf(
  account: Account,
  query: { roomId: string; eventId: string; filter: string | undefined; signal: AbortSignal },
): Promise<readonly Raw[]> {
  const { roomId, eventId, filter, signal } = query;
  const answer = await account.call({
    method: "GET",
    label: "state at an event",
    path: clientPath("rooms", roomId, "context", eventId),
    query: { limit: 0, filter },
    asUser: account.rooms.readerOf(roomId),
    signal,
  });
  const state = asList(answer["state"]).map((value) => asRecord(value) ?? {});
  if (state.some((event) => event["type"] === "m.room.create")) return state;
  throw new ParleyError("PLATFORM_UNAVAILABLE", { detail: "the homeserver does not tell the room's state" });
}

function stateOf(events: readonly Raw[], withMembers: boolean): StateThen {
  const members = new Map<string, string>();
  // A room that does not say shows its history to whoever joins. https://spec.matrix.org/v1.19/client-server-api/#mroomhistory_visibility
  let historyVisibility = "shared";
  for (const event of events) {
    const content = asRecord(event["content"]);
    if (event["type"] === "m.room.history_visibility" && event["state_key"] === "")
      historyVisibility = asString(content?.["history_visibility"]) ?? historyVisibility;
    const stateKey = asString(event["state_key"]);
    const membership = asString(content?.["membership"]);
    if (event["type"] === "m.room.member" && stateKey !== undefined && membership !== undefined)
      members.set(stateKey, membership);
  }
  return { historyVisibility, members: withMembers ? members : undefined };
}
