import type { MemberClass } from "../../src/contracts/access.ts";
import type { MemberAccess } from "../../src/contracts/adapter-features.ts";
import { serverOf } from "./matrix-ids.ts";
import type { RoomState } from "./room-state.ts";

/** Level from which somebody stands above the other members. https://spec.matrix.org/v1.19/client-server-api/#mroompower_levels */
const GOVERNS_FROM = 50;

/** Whose accounts are whose, as far as a class depends on it. */
export interface Belonging {
  readonly isAgent: (userId: string) => boolean;
  readonly isSelf: (userId: string) => boolean;
  readonly trustedServers: ReadonlySet<string>;
}

/** What somebody is in a room: people of servers that are not trusted are external, whatever power the room gives them. Pure. */
export function classOf(state: RoomState, userId: string, belonging: Belonging): MemberClass {
  if (belonging.isAgent(userId)) return "agent";
  if (belonging.isSelf(userId)) return "bot";
  return personClass(state, userId, !belonging.trustedServers.has(serverOf(userId)));
}

/** What a person is in a room, of whom it is known whether their server is trusted. Pure. */
export function personClass(state: RoomState, userId: string, isForeign: boolean): "external" | "admin" | "member" {
  if (isForeign) return "external";
  return state.power.of(userId) >= GOVERNS_FROM ? "admin" : "member";
}

const denied = (rule: string): Judged => ({ read: false, post: false, moderate: false, rule });
type Judged = Omit<MemberAccess, "memberClass">;

/**
 * What a person may do in a room now, as the homeserver would judge: membership, history visibility, power levels, tombstone. Pure.
 *
 * Creators stand above every level since room version 12. https://spec.matrix.org/v1.19/rooms/v12/
 */
export function accessOf(state: RoomState, userId: string): Judged {
  const membership = state.member(userId)?.membership;
  if (membership === "ban") return denied("banned");
  if (membership !== "join")
    return state.historyVisibility === "world_readable"
      ? { read: true, post: false, moderate: false, rule: "world_readable" }
      : denied(membership === "invite" ? "invited" : membership === "knock" ? "knocking" : "not_member");
  const { power } = state;
  const level = power.of(userId);
  const open = state.replacement === undefined;
  return {
    read: true,
    post: open && level >= power.toSend("m.room.message", false),
    moderate: level >= Math.min(power.kick, power.ban, power.redact),
    rule: power.creators.has(userId) && level === Number.POSITIVE_INFINITY ? "creator" : open ? "member" : "tombstone",
  };
}
