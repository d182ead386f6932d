import type { RoomState } from "./room-state.ts";

/** Who is in a room that is meant for one person and one agent. */
export interface PrivatePair {
  /** The agent's account there. */
  readonly actorId: string;
  readonly personId: string;
  /** What is written there has to be encrypted. */
  readonly encrypted: boolean;
}

/**
 * What a room is good for now: `alone`, only the two are in it and nobody else can come; `invited` and `left`, the person is not there;
 * `unfit`, somebody else is in it or invited, or could come or read without the agent's account. Pure.
 */
export function judgePrivateRoom(state: RoomState, pair: PrivatePair): "alone" | "invited" | "left" | "unfit" {
  const { actorId, personId } = pair;
  if (state.member(actorId)?.membership !== "join" || state.replacement !== undefined) return "unfit";
  const others = (userId: string): boolean => userId !== actorId && userId !== personId;
  // Whoever was banned or knocks is not there, and cannot come by themselves.
  if (state.someMember((id, { membership }) => others(id) && (membership === "join" || membership === "invite")))
    return "unfit";
  const { power } = state;
  const open = state.joinRule !== "invite" || state.historyVisibility === "world_readable";
  if (open || power.of(personId) >= power.invite || pair.encrypted !== state.isEncrypted) return "unfit";
  const membership = state.member(personId)?.membership;
  if (membership === "join") return "alone";
  return membership === "invite" ? "invited" : membership === "ban" ? "unfit" : "left";
}

/** A new room for the two: nobody but the agent's account can let anybody in, and who came later would not see what was said before. */
export function privateRoomRequest(pair: PrivatePair, handle: string) {
  const state = (type: string, content: Readonly<Record<string, string>>) => ({ type, state_key: "", content });
  return {
    preset: "private_chat",
    is_direct: true,
    invite: [pair.personId],
    topic: `Only you and @${handle} are here: what you alone may read of answers elsewhere.`,
    power_level_content_override: { users_default: 0, events_default: 0, state_default: 50, invite: 50 },
    initial_state: [
      state("m.room.history_visibility", { history_visibility: "joined" }),
      state("m.room.guest_access", { guest_access: "forbidden" }),
      ...(pair.encrypted ? [state("m.room.encryption", { algorithm: "m.megolm.v1.aes-sha2" })] : []),
    ],
  };
}
