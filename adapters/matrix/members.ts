import type { ConversationReach, MemberProfile } from "../../src/contracts/adapter-features.ts";
import { ParleyError, toParleyError } from "../../src/errors/parley-error.ts";
import { type Belonging, classOf } from "./access.ts";
import type { Account } from "./account.ts";
import { clientPath } from "./client.ts";
import { asUserId } from "./matrix-ids.ts";
import { asRecord, asString, type Raw } from "./raw.ts";
import type { RoomState } from "./room-state.ts";
import { STRICT_AGE_MS } from "./rooms.ts";

/** What a homeserver answers an account about a room that it is not in. */
const SHUT_OUT: ReadonlySet<string> = new Set(["PLATFORM_FORBIDDEN", "TARGET_NOT_FOUND"]);

/** Everybody who is in the room now, as the homeserver says. People of servers that are not trusted are external. */
export async function readMembers(
  account: Account,
  roomId: string,
  signal: AbortSignal,
): Promise<readonly MemberProfile[]> {
  const state = await readState(account, roomId);
  const answer = await joinedMembers(account, roomId, account.rooms.readerOf(roomId), signal);
  const belonging = belongingOf(account);
  return Object.entries(asRecord(answer["joined"]) ?? {}).flatMap(([key, value]): MemberProfile[] => {
    const id = asUserId(key);
    if (id === undefined) return [];
    const profile = asRecord(value);
    const avatarUrl = asString(profile?.["avatar_url"]);
    const memberClass = classOf(state, id, belonging);
    const self = account.isOwn(id);
    return [
      {
        id,
        name: asString(profile?.["display_name"])?.slice(0, 256) ?? id,
        kind: self ? "bot" : memberClass === "external" ? "external_guest" : "human",
        self,
        memberClass,
        ...(avatarUrl === undefined ? {} : { avatarUrl: avatarUrl.slice(0, 2_048) }),
      },
    ];
  });
}

/** Whoever is not in a room reads it only where its history is the world's; then nobody knows who does. */
export async function readReach(account: Account, roomId: string): Promise<ConversationReach> {
  const state = await readState(account, roomId);
  const worldReadable = state.historyVisibility === "world_readable";
  return { openToMembers: worldReadable, complete: !worldReadable };
}

/** Whether one of the account's users is in the room, as the homeserver says now. */
export async function isPresent(account: Account, roomId: string, signal: AbortSignal): Promise<boolean> {
  const puppets = account.puppetPrefix === undefined ? [] : account.rooms.readersOf(roomId);
  for (const asUser of new Set([undefined, ...puppets.filter((one) => one !== account.userId)])) {
    try {
      const answer = await joinedMembers(account, roomId, asUser, signal);
      if (asRecord(answer["joined"]) !== undefined) return true;
    } catch (error) {
      if (!SHUT_OUT.has(toParleyError(error).code)) throw error;
    }
  }
  return false;
}

/** Who is what, for the rooms of an account. */
export function belongingOf(account: Account): Belonging {
  return {
    isAgent: (userId) => account.agentOf(userId) !== undefined,
    isSelf: (userId) => userId === account.userId,
    trustedServers: new Set([account.server, ...account.config.trustedServers]),
  };
}

/** The room's state; rejects when it cannot be read now, because power and visibility come from it. */
async function readState(account: Account, roomId: string): Promise<RoomState> {
  const state = await account.rooms.ensure(roomId, STRICT_AGE_MS);
  if (account.rooms.isLoaded(roomId)) return state;
  throw new ParleyError("PLATFORM_UNAVAILABLE", { detail: "the room's state could not be read" });
}

async function joinedMembers(
  account: Account,
  roomId: string,
  asUser: string | undefined,
  signal: AbortSignal,
): Promise<Raw> {
  return await account.call({
    method: "GET",
    label: "joined members",
    path: clientPath("rooms", roomId, "joined_members"),
    asUser,
    signal,
  });
}
