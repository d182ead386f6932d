import { randomBytes } from "node:crypto";
import type { JsonValue } from "../../contracts/json.ts";
import type { EventKind } from "../../envelope/envelope.ts";
import type { SqlRunner } from "../connection/database.ts";

/** A room whose row is locked until the transaction ends, with a change number of its own. */
export interface LockedRoom {
  readonly roomId: string;
  readonly organizationId: string;
  readonly seq: number;
  readonly archived: boolean;
  readonly isDefault: boolean;
  readonly kind: "public" | "private" | "direct";
  readonly name: string;
  /** False in a direct message between people, which no agent is a member of: nothing of it may leave the room's own tables. */
  readonly heardByAgents: boolean;
  readonly createdBy: string | null;
}

/**
 * Takes the room's lock and its next change number; undefined when there is no such room in the organization.
 *
 * The lock is held until the transaction ends, so a number becomes visible only after all smaller ones: readers can page by it.
 */
export async function lockRoom(tx: SqlRunner, organizationId: string, roomId: string): Promise<LockedRoom | undefined> {
  const [row] = await tx.query<LockedRoom>(
    {
      name: "web_lock_room",
      text: `update web_rooms set last_seq = last_seq + 1 where id = $2 and organization_id = $1
             returning id as "roomId", organization_id as "organizationId", last_seq as seq, archived_at is not null as archived,
               is_default as "isDefault", kind, name, (kind <> 'direct' or agent_id is not null) as "heardByAgents", created_by as "createdBy"`,
    },
    [organizationId, roomId],
  );
  return row;
}

/** Takes one more change number of a room that this transaction has locked. */
export async function nextSeq(tx: SqlRunner, room: LockedRoom): Promise<LockedRoom> {
  const [row] = await tx.query<{ seq: number }>(
    {
      name: "web_next_seq",
      text: "update web_rooms set last_seq = last_seq + 1 where id = $1 returning last_seq as seq",
    },
    [room.roomId],
  );
  return { ...room, seq: row?.seq ?? room.seq };
}

export async function isMember(
  tx: SqlRunner,
  organizationId: string,
  roomId: string,
  personId: string,
): Promise<boolean> {
  const rows = await tx.query(
    {
      name: "web_is_member",
      text: "select 1 from web_room_members where room_id = $2 and person_id = $3 and organization_id = $1",
    },
    [organizationId, roomId, personId],
  );
  return rows.length > 0;
}

export interface LogEntry {
  readonly kind: EventKind;
  readonly body: JsonValue;
  readonly personId?: string | undefined;
  readonly threadRootId?: string | undefined;
  readonly revision?: number;
  readonly clientKey?: string;
}

/** Writes an entry of the platform log under the room's change number; false when this person's `clientKey` was used before. */
export async function appendToLog(tx: SqlRunner, room: LockedRoom, entry: LogEntry): Promise<boolean> {
  if (!room.heardByAgents) return true;
  const rows = await tx.query(
    {
      name: "web_append_event",
      text: `insert into web_events (room_id, seq, organization_id, kind, body, thread_root_id, revision, person_id, client_key, trace_id)
             values ($1, $2, $3, $4, $5::jsonb, $6, $7, $8, $9, $10) on conflict do nothing returning 1`,
    },
    [
      room.roomId,
      room.seq,
      room.organizationId,
      entry.kind,
      JSON.stringify(entry.body),
      entry.threadRootId ?? null,
      entry.revision ?? 0,
      entry.personId ?? null,
      entry.clientKey ?? null,
      newTraceId(),
    ],
  );
  return rows.length > 0;
}

export function newTraceId(): string {
  return randomBytes(16).toString("hex");
}
