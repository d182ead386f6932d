import { asRoomId, asUserId, serverOf } from "./matrix-ids.ts";
import { type PowerLevels, readPowerLevels, versionOf } from "./power-levels.ts";
import { asList, asRecord, asString, type Raw } from "./raw.ts";

export type Membership = "join" | "invite" | "leave" | "ban" | "knock";

export interface RoomMember {
  readonly membership: Membership;
  readonly name: string | undefined;
  readonly avatarUrl: string | undefined;
  /** The invitation said that this room is a direct message. */
  readonly direct: boolean;
}

const MAX_NAME_CHARS = 256;
const MEMBERSHIPS: ReadonlySet<unknown> = new Set(["join", "invite", "leave", "ban", "knock"]);

/** A room as its state events say: a reducer over them, newest wins, and readings of the result. */
export class RoomState {
  readonly roomId: string;
  readonly #singles = new Map<string, Raw>();
  readonly #members = new Map<string, RoomMember>();
  /** Rooms that this room, a space, calls its children. */
  readonly #children = new Set<string>();
  readonly #parents = new Map<string, { readonly canonical: boolean }>();
  #levels: PowerLevels | undefined;
  #joined = 0;

  constructor(roomId: string) {
    this.roomId = roomId;
  }

  /** Takes one state event; what is no state, or makes no sense, changes nothing. */
  take(event: Raw): void {
    const stateKey = event["state_key"];
    const type = event["type"];
    const content = asRecord(event["content"]);
    if (typeof stateKey !== "string" || typeof type !== "string" || content === undefined) return;
    if (type === "m.room.member") this.#takeMember(stateKey, content);
    else if (type === "m.space.child") this.#takeChild(stateKey, content);
    else if (type === "m.space.parent") this.#takeParent(stateKey, content);
    else if (stateKey === "") {
      this.#singles.set(type, event);
      if (type === "m.room.power_levels" || type === "m.room.create") this.#levels = undefined;
    }
  }

  get version(): string {
    return versionOf(this.#singles.get("m.room.create"));
  }

  get isSpace(): boolean {
    return this.#content("m.room.create")?.["type"] === "m.space";
  }

  /** The room's own name, else its main alias; undefined when it has neither. */
  get name(): string | undefined {
    const name = asString(this.#content("m.room.name")?.["name"])?.trim();
    const alias = asString(this.#content("m.room.canonical_alias")?.["alias"]);
    return (name || alias)?.slice(0, MAX_NAME_CHARS);
  }

  get isEncrypted(): boolean {
    return this.#singles.has("m.room.encryption");
  }

  /** Who may join: `public`, `invite`, `knock`, `restricted` …; `invite` when the room does not say. */
  get joinRule(): string {
    return asString(this.#content("m.room.join_rules")?.["join_rule"]) ?? "invite";
  }

  get historyVisibility(): string {
    return asString(this.#content("m.room.history_visibility")?.["history_visibility"]) ?? "shared";
  }

  /** The event that says so; undefined when none does. */
  get historyVisibilityId(): string | undefined {
    return asString(this.#singles.get("m.room.history_visibility")?.["event_id"]);
  }

  /** The room that took this one's place; `""` when it was closed without one, undefined while it is open. */
  get replacement(): string | undefined {
    const content = this.#content("m.room.tombstone");
    return content === undefined ? undefined : (asRoomId(content["replacement_room"]) ?? "");
  }

  /** A server that knows the replacement: that of whoever closed the room. */
  get tombstoneServer(): string | undefined {
    const sender = asUserId(this.#singles.get("m.room.tombstone")?.["sender"]);
    return sender === undefined ? undefined : serverOf(sender);
  }

  get power(): PowerLevels {
    this.#levels ??= readPowerLevels(this.#singles.get("m.room.create"), this.#content("m.room.power_levels"));
    return this.#levels;
  }

  member(userId: string): RoomMember | undefined {
    return this.#members.get(userId);
  }

  get members(): ReadonlyMap<string, RoomMember> {
    return this.#members;
  }

  /** Whether some member is so. */
  someMember(question: (userId: string, member: RoomMember) => boolean): boolean {
    for (const [userId, member] of this.#members) if (question(userId, member)) return true;
    return false;
  }

  /** People and agents who are in the room now. */
  get joinedCount(): number {
    return this.#joined;
  }

  get children(): ReadonlySet<string> {
    return this.#children;
  }

  /** Spaces that the room itself names, canonical ones first; whether that is true only those spaces can say. */
  get parents(): readonly string[] {
    return [...this.#parents]
      .toSorted(([a, x], [b, y]) => Number(y.canonical) - Number(x.canonical) || (a < b ? -1 : 1))
      .map(([roomId]) => roomId);
  }

  #content(type: string): Raw | undefined {
    return asRecord(this.#singles.get(type)?.["content"]);
  }

  #takeMember(stateKey: string, content: Raw): void {
    const userId = asUserId(stateKey);
    const membership = content["membership"];
    if (userId === undefined || !isMembership(membership)) return;
    const before = this.#members.get(userId);
    if (before?.membership === "join") this.#joined -= 1;
    if (membership === "join") this.#joined += 1;
    if (membership === "leave") {
      // Whoever has left is as good as unknown; a room's past members may be many times its present ones.
      this.#members.delete(userId);
      return;
    }
    this.#members.set(userId, {
      membership,
      name: asString(content["displayname"])?.trim().slice(0, MAX_NAME_CHARS) || undefined,
      avatarUrl: asString(content["avatar_url"])?.slice(0, 2_048),
      direct: content["is_direct"] === true || before?.direct === true,
    });
  }

  #takeChild(stateKey: string, content: Raw): void {
    const child = asRoomId(stateKey);
    if (child === undefined) return;
    if (asList(content["via"]).length > 0) this.#children.add(child);
    else this.#children.delete(child);
  }

  #takeParent(stateKey: string, content: Raw): void {
    const parent = asRoomId(stateKey);
    if (parent === undefined) return;
    if (asList(content["via"]).length > 0) this.#parents.set(parent, { canonical: content["canonical"] === true });
    else this.#parents.delete(parent);
  }
}

function isMembership(value: unknown): value is Membership {
  return MEMBERSHIPS.has(value);
}
