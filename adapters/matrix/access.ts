import type { MemberAccess } from "../../src/contracts/adapter-features.ts";
import type { RoomState } from "./room-state.ts";

const denied = (rule: string): MemberAccess => ({ read: false, post: false, moderate: false, rule });

/**
 * What a person may do in a room now, as the homeserver would judge: membership, history visibility, power levels, tombstone. Pure.
 *
 * Creators stand above every level since room version 12. https://spec.matrix.org/v1.19/rooms/v12/
 */
export function accessOf(state: RoomState, userId: string): MemberAccess {
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
