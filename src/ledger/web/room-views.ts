import type { WebRoomRecord, WebRoomView } from "../../contracts/web-room-records.ts";
import type { SqlRunner } from "../connection/database.ts";
import { isoSql } from "./sql-errors.ts";

/** Unread posts are counted up to here; beyond it the page shows "100+". */
const MAX_UNREAD = 100;

const ROOM_COLUMNS = `r.organization_id as "organizationId", r.id as "roomId", r.kind, r.name, r.topic,
  r.archived_at is not null as archived, r.is_default as "isDefault", r.created_by as "createdBy",
  ${isoSql("r.created_at")} as "createdAt", r.agent_handle as "agentHandle", r.last_seq as "lastSeq"`;

// A direct message counts all posts as naming its reader; elsewhere only mentions do.
const VIEW_SQL = `
  select ${ROOM_COLUMNS}, v.person_id as "viewerId", m.person_id is not null as joined,
    (select count(*) from web_room_members c where c.room_id = r.id) as "memberCount",
    peer.id as "peerPersonId", peer.name as "peerPersonName", coalesce(k.seq, 0) as "readSeq",
    case when m.person_id is null then 0 else (select count(*) from (
      select 1 from web_posts p where p.room_id = r.id and p.seq > coalesce(k.seq, 0) and p.thread_root_id is null
        and p.author_id <> v.person_id and p.deleted_at is null and p.visible_to is null limit ${MAX_UNREAD}) u) end as unread,
    case when m.person_id is null then 0 else (select count(*) from (
      select 1 from web_posts p where p.room_id = r.id and p.seq > coalesce(k.seq, 0)
        and p.author_id <> v.person_id and p.deleted_at is null and p.visible_to is null
        and (r.kind = 'direct' or p.mentions->'everyone' = 'true'::jsonb or p.mentions->'personIds' @> to_jsonb(v.person_id))
        limit ${MAX_UNREAD}) u) end as "unreadMentions"
  from unnest($3::text[]) as v(person_id)
  join web_rooms r on r.organization_id = $1 and ($2::text is null or r.id = $2)
  left join web_room_members m on m.room_id = r.id and m.person_id = v.person_id
  left join web_read_marks k on k.room_id = r.id and k.person_id = v.person_id
  left join lateral (
    select pe.id, pe.name from web_room_members o join web_people pe on pe.id = o.person_id
    where r.kind = 'direct' and r.agent_id is null and o.room_id = r.id and o.person_id <> v.person_id limit 1) peer on true
  where m.person_id is not null or (r.kind = 'public' and r.archived_at is null)
  order by lower(r.name), r.id`;

/** Rooms as these people see them: all of the organization's without `roomId`. */
export async function roomViews(
  sql: SqlRunner,
  query: { organizationId: string; roomId?: string; personIds: readonly string[] },
): Promise<readonly WebRoomView[]> {
  if (query.personIds.length === 0) return [];
  const rows = await sql.query<Nullable<WebRoomView>>({ name: "web_room_views", text: VIEW_SQL }, [
    query.organizationId,
    query.roomId ?? null,
    query.personIds,
  ]);
  return rows.map(withoutNulls);
}

export async function findRoom(
  sql: SqlRunner,
  organizationId: string,
  roomId: string,
): Promise<WebRoomRecord | undefined> {
  const [row] = await sql.query<Nullable<WebRoomRecord>>(
    { name: "web_room", text: `select ${ROOM_COLUMNS} from web_rooms r where r.id = $2 and r.organization_id = $1` },
    [organizationId, roomId],
  );
  return row === undefined ? undefined : withoutNulls(row);
}

/** A row as SQL gives it: what is optional in the record is null in the row. */
export type Nullable<T> = { [K in keyof T]-?: Exclude<T[K], undefined> | (undefined extends T[K] ? null : never) };

/** Turns SQL's nulls into absent members. */
export function withoutNulls<T extends object>(row: Nullable<T>): T {
  // Only optional members can be null in such a row, and leaving those out is what makes it a T.
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null)) as T;
}
