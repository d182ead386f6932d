import type { SystemStatus } from "../contracts/operations.ts";
import type { SqlRunner } from "./connection/database.ts";

/** Counts the open work of all organizations. */
export async function countWork(sql: SqlRunner): Promise<SystemStatus["work"]> {
  const [row] = await sql.query<{
    pending_events: number;
    running_turns: number;
    queued_turns: number;
    pending_deliveries: number;
    unknown_deliveries: number;
    open_dead_letters: number;
    oldest_open_ms: number | null;
  }>({
    name: "count_work",
    text: `select
      (select count(*)::int from events where is_pending) as pending_events,
      (select count(*)::int from turns where is_active) as running_turns,
      (select count(*)::int from turns where finished_at is null and state = 'queued') as queued_turns,
      (select count(*)::int from deliveries where state in ('pending', 'sending')) as pending_deliveries,
      (select count(*)::int from deliveries where state = 'unknown') as unknown_deliveries,
      (select count(*)::int from dead_letters where state = 'open') as open_dead_letters,
      (select (extract(epoch from now() - min(at)) * 1000)::float8 from (
        select min(received_at) as at from events where is_pending
        union all select min(created_at) from turns where finished_at is null and reply_conversation_id is not null) open) as oldest_open_ms`,
  });
  return {
    pendingEvents: row?.pending_events ?? 0,
    runningTurns: row?.running_turns ?? 0,
    queuedTurns: row?.queued_turns ?? 0,
    pendingDeliveries: row?.pending_deliveries ?? 0,
    unknownDeliveries: row?.unknown_deliveries ?? 0,
    openDeadLetters: row?.open_dead_letters ?? 0,
    oldestOpenMs: Math.round(row?.oldest_open_ms ?? 0),
  };
}

export interface RoomRow {
  readonly installation_id: string;
  readonly channel_id: string;
  readonly organization_id: string;
  readonly platform: string;
  readonly kind: "public" | "private" | "direct" | "group_direct";
  readonly name: string | null;
  readonly people: number;
  readonly archived: boolean;
  readonly self_member: boolean | null;
}

/** The channels that are known, direct messages left out, with the number of people in each. */
export function listRooms(sql: SqlRunner, limit: number): Promise<RoomRow[]> {
  return sql.query(
    {
      name: "list_rooms",
      text: `select c.installation_id, c.channel_id, c.organization_id, i.platform, c.kind, c.name, c.archived, c.self_member,
          (select count(*)::int from memberships m where m.installation_id = c.installation_id and m.channel_id = c.channel_id and m.state = 'joined') as people
        from channels c join installations i on i.id = c.installation_id
        where c.kind in ('public', 'private') and not c.archived order by c.updated_at desc limit $1`,
    },
    [limit],
  );
}

/** A channel or thread to speak in. `path` is null where only the mirror knows the channel. */
export interface Destination {
  readonly installation_id: string;
  readonly platform: string;
  readonly channel_id: string;
  readonly thread_id: string | null;
  readonly path: unknown;
  readonly kind: string;
  readonly name: string | null;
  readonly archived: boolean | null;
  readonly self_member: boolean | null;
}

/** The channel that `platform:name-or-id` or a conversation id means. */
export async function findDestination(
  sql: SqlRunner,
  organizationId: string,
  to: string,
): Promise<Destination | undefined> {
  const [direct] = await sql.query<Destination>(
    {
      text: `select c.installation_id, c.platform, c.channel_id, c.thread_id, c.path, coalesce(ch.kind, 'public') as kind, ch.name, ch.archived, ch.self_member from conversations c
        left join channels ch on ch.installation_id = c.installation_id and ch.channel_id = c.channel_id where c.organization_id = $1 and c.id = $2`,
    },
    [organizationId, to],
  );
  if (direct !== undefined) return direct;
  const separator = to.indexOf(":");
  if (separator < 0) return undefined;
  const [byName] = await sql.query<{
    installation_id: string;
    platform: string;
    channel_id: string;
    thread_id: null;
    path: null;
    kind: string;
    name: string | null;
    archived: boolean;
    self_member: boolean | null;
  }>(
    {
      text: `select c.installation_id, i.platform, c.channel_id, null as thread_id, null as path, c.kind, c.name, c.archived, c.self_member from channels c join installations i on i.id = c.installation_id
        where c.organization_id = $1 and i.platform = $2 and (c.channel_id = $3 or lower(c.name) = lower($3)) and not c.archived and c.self_member is distinct from false
        order by c.channel_id = $3 desc, c.updated_at desc limit 1`,
    },
    [organizationId, to.slice(0, separator), to.slice(separator + 1).replace(/^#/, "")],
  );
  return byName;
}

export async function listInstallationIds(sql: SqlRunner, organizationId: string): Promise<ReadonlySet<string>> {
  const rows = await sql.query<{ id: string }>(
    { name: "list_installation_ids", text: "select id from installations where organization_id = $1" },
    [organizationId],
  );
  return new Set(rows.map((row) => row.id));
}
