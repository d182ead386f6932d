import type { ConversationPath } from "../../envelope/conversation.ts";
import type { SqlRunner } from "../../ledger/connection/database.ts";
import { findReviewRooms, type ReviewRoomRow } from "../../ledger/review-rooms.ts";
import type { Directory, DirectoryAgent } from "../directory.ts";

/** Where agents in shadow say what they would say elsewhere. */
export interface ReviewRooms {
  /** Looks the rooms up in the ledger, where some agent has one; at most every few seconds. */
  load(): Promise<void>;
  /**
   * The review room of an agent, a channel of the same installation as what it heard; undefined when there is no such channel there, or more than
   * one of that name, or the installation's identity is not in it.
   */
  of(agent: DirectoryAgent, installationId: string, heard: ConversationPath): ConversationPath | undefined;
}

const MAX_AGE_MS = 5_000;

export function createReviewRooms(sql: SqlRunner, directory: Directory): ReviewRooms {
  let rooms: readonly ReviewRoomRow[] = [];
  let readAtMs = Number.NEGATIVE_INFINITY;

  return {
    async load() {
      const wanted = directory.reviewRooms();
      if (wanted.length === 0 || performance.now() - readAtMs < MAX_AGE_MS) return;
      rooms = await findReviewRooms(sql, wanted);
      readAtMs = performance.now();
    },
    of({ organizationId, definition }, installationId, heard) {
      const wanted = definition.shadow?.reviewRoom;
      const found = rooms.filter(
        (room) =>
          room.wanted === wanted && room.organization_id === organizationId && room.installation_id === installationId,
      );
      const room = found.find(({ by_id }) => by_id) ?? (found.length === 1 ? found[0] : undefined);
      if (room === undefined) return undefined;
      const { channel_id: id, kind, external, name } = room;
      return { space: heard.space, channel: { id, kind, external, ...(name === null ? {} : { name }) } };
    },
  };
}
