import type { WebPersonRecord } from "../../contracts/web-room-records.ts";
import type { WebRoomsStore } from "../../contracts/web-room-store.ts";
import { ParleyError } from "../../errors/parley-error.ts";
import type { SqlRunner } from "../connection/database.ts";
import type { Tenants } from "../connection/tenant-database.ts";
import { join, leave } from "./membership.ts";
import { publish } from "./notices.ts";
import { PERSON_COLUMNS } from "./person-columns.ts";
import { appendToLog, isMember, type LockedRoom, lockRoom, nextSeq } from "./room-log.ts";
import { findRoom, roomViews } from "./room-views.ts";
import { conflictAs } from "./sql-errors.ts";

const ROOM_NAME_TAKEN = "There is a room of that name already.";

/** Rooms and their members over the ledger's database. */
export function createRoomsStore(tenant: Tenants): WebRoomsStore {
  return {
    ensureDefaultRoom: async (room) =>
      await tenant(room.organizationId).transaction((tx) => ensureDefaultRoom(tx, room)),
    get: async (organizationId, roomId) => await findRoom(tenant(organizationId), organizationId, roomId),
    listFor: async (organizationId, personId) =>
      await roomViews(tenant(organizationId), { organizationId, personIds: [personId] }),
    viewsFor: async (organizationId, roomId, personIds) =>
      await roomViews(tenant(organizationId), { organizationId, roomId, personIds }),
    create: async (room) =>
      await conflictAs(ROOM_NAME_TAKEN, () => tenant(room.organizationId).transaction((tx) => createRoom(tx, room))),
    update: async (change) =>
      await conflictAs(ROOM_NAME_TAKEN, () =>
        tenant(change.organizationId).transaction((tx) => updateRoom(tx, change)),
      ),

    addMember: async ({ organizationId, roomId, personId, by }) =>
      await tenant(organizationId).transaction(async (tx) => {
        if (await isMember(tx, organizationId, roomId, personId)) return;
        const room = await lockRoom(tx, organizationId, roomId);
        if (room === undefined) throw new ParleyError("NOT_FOUND");
        if (room.archived) throw new ParleyError("CONFLICT", { detail: "The room is archived." });
        await join(tx, room, personId, by);
      }),

    removeMember: async ({ organizationId, roomId, personId, by }) =>
      await tenant(organizationId).transaction(async (tx) => {
        const room = await lockRoom(tx, organizationId, roomId);
        if (room === undefined) return false;
        if (room.isDefault || room.kind === "direct") {
          throw new ParleyError("CONFLICT", { detail: "Nobody can leave this room." });
        }
        return await leave(tx, room, personId, by);
      }),

    isMember: async (organizationId, roomId, personId) =>
      await isMember(tenant(organizationId), organizationId, roomId, personId),

    members: async (organizationId, roomId) =>
      await tenant(organizationId).query<WebPersonRecord>(
        {
          text: `select ${PERSON_COLUMNS} from web_room_members m join web_people pe on pe.id = m.person_id
                 where m.organization_id = $1 and m.room_id = $2 and pe.active order by lower(pe.name), pe.id`,
        },
        [organizationId, roomId],
      ),

    openDirect: async (pair) => await tenant(pair.organizationId).transaction((tx) => openDirect(tx, pair)),

    joinedSeqs: async (organizationId, personIds) =>
      await tenant(organizationId).query<{ personId: string; roomId: string; lastSeq: number }>(
        {
          name: "web_joined_seqs",
          text: `select m.person_id as "personId", r.id as "roomId", r.last_seq as "lastSeq"
                 from web_room_members m join web_rooms r on r.id = m.room_id
                 where m.organization_id = $1 and m.person_id = any($2::text[])`,
        },
        [organizationId, personIds],
      ),

    markRead: async ({ organizationId, roomId, personId, seq }) =>
      await tenant(organizationId).transaction(async (tx) => {
        if (!(await isMember(tx, organizationId, roomId, personId))) return;
        const moved = await tx.query(
          {
            text: `insert into web_read_marks (room_id, person_id, organization_id, seq)
                   select $2, $3, $1, least($4::bigint, last_seq) from web_rooms where id = $2 and organization_id = $1
                   on conflict (room_id, person_id) do update set seq = excluded.seq, updated_at = now()
                   where web_read_marks.seq < excluded.seq returning 1`,
          },
          [organizationId, roomId, personId, seq],
        );
        if (moved.length > 0) await publish(tx, { type: "read", organizationId, roomId, personId, seq });
      }),
  };
}

async function ensureDefaultRoom(tx: SqlRunner, room: { organizationId: string; roomId: string; name: string }) {
  const made = await tx.query(
    {
      text: `insert into web_rooms (id, organization_id, kind, name, is_default) values ($2, $1, 'public', $3, true)
             on conflict do nothing returning 1`,
    },
    [room.organizationId, room.roomId, room.name],
  );
  if (made.length === 0) return;
  await announce(tx, room.organizationId, room.roomId, undefined);
}

type NewRoom = Parameters<WebRoomsStore["create"]>[0];

async function createRoom(tx: SqlRunner, room: NewRoom): Promise<void> {
  await tx.query(
    {
      text: "insert into web_rooms (id, organization_id, kind, name, topic, created_by) values ($2, $1, $3, $4, $5, $6)",
    },
    [room.organizationId, room.roomId, room.kind, room.name, room.topic, room.personId],
  );
  const announced = await announce(tx, room.organizationId, room.roomId, room.personId);
  await join(tx, await nextSeq(tx, announced), room.personId, room.personId);
}

/** Logs a new room and that the agents' side is in it; returns it locked. */
async function announce(
  tx: SqlRunner,
  organizationId: string,
  roomId: string,
  by: string | undefined,
): Promise<LockedRoom> {
  const room = await lockRoom(tx, organizationId, roomId);
  if (room === undefined)
    throw new ParleyError("INVARIANT_BROKEN", { detail: "a room that was just made is not there" });
  const opening =
    room.kind === "direct"
      ? ({ kind: "direct_message_opened", body: {} } as const)
      : ({ kind: "channel_created", body: { name: room.name } } as const);
  await appendToLog(tx, room, { ...opening, personId: by });
  const next = await nextSeq(tx, room);
  await appendToLog(tx, next, { kind: "member_joined", body: { memberId: WEB_SELF_ID, self: true }, personId: by });
  await publish(tx, { type: "room", organizationId, roomId });
  return next;
}

/** The platform id of the installation's own identity, which stands for all agents. */
export const WEB_SELF_ID = "parley";

type RoomChange = Parameters<WebRoomsStore["update"]>[0];

async function updateRoom(tx: SqlRunner, change: RoomChange) {
  const room = await lockRoom(tx, change.organizationId, change.roomId);
  if (room === undefined) return undefined;
  if (room.kind === "direct") throw new ParleyError("CONFLICT", { detail: "A direct message has no name of its own." });
  if (room.isDefault && change.archived === true) {
    throw new ParleyError("CONFLICT", { detail: "The room that everybody is in cannot be archived." });
  }
  await tx.query(
    {
      text: `update web_rooms set name = coalesce($3, name), topic = coalesce($4, topic),
               archived_at = case when $5::boolean is null then archived_at when $5 then coalesce(archived_at, now()) end
             where id = $2 and organization_id = $1`,
    },
    [change.organizationId, change.roomId, change.name ?? null, change.topic ?? null, change.archived ?? null],
  );
  const by = { personId: change.personId };
  let current = room;
  if (change.name !== undefined && change.name !== room.name) {
    await appendToLog(tx, current, { kind: "channel_renamed", body: { name: change.name }, ...by });
    current = await nextSeq(tx, room);
  }
  if (change.archived !== undefined && change.archived !== room.archived) {
    await appendToLog(tx, current, { kind: "channel_archived", body: { archived: change.archived }, ...by });
  }
  await publish(tx, { type: "room", organizationId: change.organizationId, roomId: change.roomId });
  return await findRoom(tx, change.organizationId, change.roomId);
}

type Pair = Parameters<WebRoomsStore["openDirect"]>[0];

async function openDirect(tx: SqlRunner, pair: Pair): Promise<string> {
  const { peer } = pair;
  const people = "personId" in peer ? [pair.personId, peer.personId].toSorted() : [pair.personId];
  const key = "personId" in peer ? `p:${people.join(":")}` : `a:${peer.agentId}:${pair.personId}`;
  const agent = "personId" in peer ? undefined : peer;
  const made = await tx.query(
    {
      text: `insert into web_rooms (id, organization_id, kind, name, direct_key, agent_id, agent_handle, created_by)
             values ($2, $1, 'direct', $3, $4, $5, $6, $7) on conflict do nothing returning 1`,
    },
    [
      pair.organizationId,
      pair.roomId,
      agent?.name ?? "direct message",
      key,
      agent?.agentId ?? null,
      agent?.handle ?? null,
      pair.personId,
    ],
  );
  const [room] = await tx.query<{ id: string }>(
    { text: "select id from web_rooms where organization_id = $1 and direct_key = $2" },
    [pair.organizationId, key],
  );
  if (room === undefined)
    throw new ParleyError("INVARIANT_BROKEN", { detail: "a direct message that was just made is not there" });
  if (made.length > 0) await announce(tx, pair.organizationId, room.id, pair.personId);
  for (const personId of people) {
    if (await isMember(tx, pair.organizationId, room.id, personId)) continue;
    const locked = await lockRoom(tx, pair.organizationId, room.id);
    if (locked !== undefined) await join(tx, locked, personId, pair.personId);
  }
  return room.id;
}
