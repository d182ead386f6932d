import { asList, asRecord, asString, type Raw } from "../raw.ts";

/** https://spec.matrix.org/v1.19/client-server-api/#room-history-visibility */
export type HistoryVisibility = "world_readable" | "shared" | "invited" | "joined";

/** Who is to be able to read what is said in a room now. */
export interface Recipients {
  readonly userIds: readonly string[];
  readonly historyVisibility: HistoryVisibility;
}

interface Roster {
  /** Membership by user id; undefined until it was read from the homeserver. */
  members: Map<string, string> | undefined;
  visibility: HistoryVisibility | undefined;
}

/** How the roster asks the homeserver for what no sync told it. */
export interface RosterReader {
  members(roomId: string): Promise<readonly unknown[]>;
  historyVisibility(roomId: string): Promise<unknown>;
}

/** The people of the rooms that are written to: read once from the homeserver, then kept fresh by what sync says. */
export class RoomRoster {
  readonly #rooms = new Map<string, Roster>();
  readonly #reader: RosterReader;

  constructor(reader: RosterReader) {
    this.#reader = reader;
  }

  /** Takes a state event of a joined room; of rooms that nobody wrote to since the start nothing is kept. */
  apply(roomId: string, event: Raw): void {
    const room = this.#rooms.get(roomId);
    if (room === undefined) return;
    const content = asRecord(event["content"]);
    if (event["type"] === "m.room.history_visibility") room.visibility = visibilityOf(content);
    const userId = asString(event["state_key"]);
    if (event["type"] === "m.room.member" && userId !== undefined)
      room.members?.set(userId, asString(content?.["membership"]) ?? "leave");
  }

  /** After a gap or a leave: what is known may be old, and is read again. */
  forget(roomId: string): void {
    this.#rooms.delete(roomId);
  }

  /** Everybody in the room, and whoever is invited where invitees may read. Rejects as the reader does. */
  async recipients(roomId: string): Promise<Recipients> {
    for (;;) {
      const room: Roster = this.#rooms.get(roomId) ?? { members: undefined, visibility: undefined };
      this.#rooms.set(roomId, room);
      if (room.members === undefined || room.visibility === undefined) await this.#read(roomId, room);
      // Forgotten or changed meanwhile: what was read is of no worth then.
      if (this.#rooms.get(roomId) !== room) continue;
      const visibility = room.visibility ?? "shared";
      const wanted = visibility === "joined" ? ["join"] : ["join", "invite"];
      const userIds = [...(room.members ?? [])].flatMap(([id, is]) => (wanted.includes(is) ? [id] : []));
      return { userIds, historyVisibility: visibility };
    }
  }

  async #read(roomId: string, room: Roster): Promise<void> {
    // Set before the question is asked, so that what sync says meanwhile is not lost under the answer.
    const meanwhile = new Map<string, string>();
    room.members = meanwhile;
    try {
      const [events, visibility] = await Promise.all([
        this.#reader.members(roomId),
        this.#reader.historyVisibility(roomId),
      ]);
      const members = new Map<string, string>();
      for (const event of asList(events).map(asRecord)) {
        const userId = asString(event?.["state_key"]);
        if (userId !== undefined)
          members.set(userId, asString(asRecord(event?.["content"])?.["membership"]) ?? "leave");
      }
      for (const [userId, membership] of meanwhile) members.set(userId, membership);
      room.members = members;
      room.visibility ??= visibilityOf(asRecord(visibility));
    } catch (error) {
      this.#rooms.delete(roomId);
      throw error;
    }
  }
}

/** Rooms without a word about it are `shared`. */
function visibilityOf(content: Raw | undefined): HistoryVisibility {
  const value = content?.["history_visibility"];
  return value === "world_readable" || value === "invited" || value === "joined" ? value : "shared";
}
