import type { SqlRunner } from "../connection/database.ts";
import { publish } from "./notices.ts";
import { appendToLog, isMember, type LockedRoom, lockRoom } from "./room-log.ts";

/** Adds a person to a locked room with the room's log entry and notice; a member stays one without either. */
export async function join(tx: SqlRunner, room: LockedRoom, personId: string, by: string | undefined): Promise<void> {
  const added = await tx.query<{ name: string }>(
    {
      text: `with member as (
               insert into web_room_members (room_id, person_id, organization_id)
               select $2, id, organization_id from web_people where id = $3 and organization_id = $1 and active
               on conflict do nothing returning person_id)
             select name from web_people join member on person_id = id`,
    },
    [room.organizationId, room.roomId, personId],
  );
  const person = added[0];
  if (person === undefined) return;
  // What was said before somebody came is not unread to them.
  await tx.query(
    {
      text: `insert into web_read_marks (room_id, person_id, organization_id, seq) values ($2, $3, $1, $4)
             on conflict (room_id, person_id) do update set seq = greatest(web_read_marks.seq, excluded.seq)`,
    },
    [room.organizationId, room.roomId, personId, room.seq],
  );
  await appendToLog(tx, room, {
    kind: "member_joined",
    body: { memberId: personId, memberName: person.name },
    personId: by,
  });
  await publish(tx, {
    type: "member",
    organizationId: room.organizationId,
    roomId: room.roomId,
    personId,
    change: "joined",
  });
}

/** Removes a person from a locked room with the room's log entry and notice; false when the person was no member. */
export async function leave(tx: SqlRunner, room: LockedRoom, personId: string, by: string): Promise<boolean> {
  const removed = await tx.query(
    { text: "delete from web_room_members where room_id = $2 and person_id = $3 and organization_id = $1 returning 1" },
    [room.organizationId, room.roomId, personId],
  );
  if (removed.length === 0) return false;
  await appendToLog(tx, room, { kind: "member_left", body: { memberId: personId }, personId: by });
  await publish(tx, {
    type: "member",
    organizationId: room.organizationId,
    roomId: room.roomId,
    personId,
    change: "left",
  });
  return true;
}

/** Adds a person to the organization's default room, where there is one; external guests are in no room that nobody let them into. */
export async function joinDefaultRoom(tx: SqlRunner, organizationId: string, personId: string): Promise<void> {
  const rooms = await tx.query<{ id: string }>(
    {
      text: `select id from web_rooms where organization_id = $1 and is_default
        and not exists (select 1 from web_people where id = $2 and external)`,
    },
    [organizationId, personId],
  );
  for (const { id } of rooms) {
    if (await isMember(tx, organizationId, id, personId)) continue;
    const room = await lockRoom(tx, organizationId, id);
    if (room !== undefined) await join(tx, room, personId, personId);
  }
}

/** Removes a person from every room; the rooms are locked in the order of their ids, so two such removals cannot deadlock. */
export async function leaveAllRooms(tx: SqlRunner, organizationId: string, personId: string): Promise<void> {
  const rooms = await tx.query<{ roomId: string }>(
    {
      text: `select room_id as "roomId" from web_room_members where organization_id = $1 and person_id = $2 order by room_id`,
    },
    [organizationId, personId],
  );
  for (const { roomId } of rooms) {
    const room = await lockRoom(tx, organizationId, roomId);
    if (room !== undefined) await leave(tx, room, personId, personId);
  }
}
