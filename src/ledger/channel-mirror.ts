import type { SqlRunner } from "./connection/database.ts";
import { doubtMembers } from "./member-mirror.ts";

export interface ChannelRow {
  readonly org: string;
  readonly inst: string;
  readonly channel: string;
  readonly kind: string;
  readonly name: string | null;
  readonly external: boolean;
  readonly archived: boolean | null;
  readonly self_member: boolean | null;
  readonly space: string;
  readonly category: string | null;
}

/** A level of the permission tree above or below channels, by its platform id. */
export interface PlaceRow {
  readonly org: string;
  readonly inst: string;
  readonly place: string;
  readonly level: "space" | "category" | "thread";
  readonly parent: string | null;
  readonly name: string | null;
}

export interface PersonRow {
  readonly org: string;
  readonly inst: string;
  readonly person: string;
  readonly kind: string;
  readonly name: string | null;
  readonly avatar: string | null;
}

export interface MembershipRow {
  readonly org: string;
  readonly inst: string;
  readonly channel: string;
  readonly member: string;
  readonly state: "joined" | "left";
  readonly source: "event" | "fetch";
  readonly version: string;
  /** It follows from a message, and no event said so. */
  readonly implied: boolean;
  /** When the platform says that it happened, ISO 8601; default now. */
  readonly occurred?: string;
  /** What the event shows of what they are, until the platform is asked. Default unknown. */
  readonly member_class?: string;
}

/** Stores channels as the newest event describes them; leaving, archiving and returning count the membership epoch up. Rows must be distinct. */
export async function upsertChannels(sql: SqlRunner, rows: readonly ChannelRow[]): Promise<void> {
  const entered = rows.filter((row) => row.self_member === true);
  if (entered.length > 0) await doubtMembers(sql, entered);
  await sql.query(
    {
      name: "upsert_channels",
      text: `insert into channels as c (installation_id, channel_id, organization_id, kind, name, external, archived, self_member, space_id, category_id)
        select inst, channel, org, kind, name, external, coalesce(archived, false), self_member, space, category
        from jsonb_to_recordset($1::jsonb) as x(org text, inst text, channel text, kind text, name text, external boolean, archived boolean, self_member boolean, space text, category text)
        order by inst, channel
        on conflict (installation_id, channel_id) do update set kind = excluded.kind, name = coalesce(excluded.name, c.name), external = excluded.external,
          archived = case when (select x.archived from jsonb_to_recordset($1::jsonb) as x(inst text, channel text, archived boolean)
            where x.inst = excluded.installation_id and x.channel = excluded.channel_id limit 1) is null then c.archived else excluded.archived end,
          self_member = coalesce(excluded.self_member, c.self_member), space_id = excluded.space_id,
          category_id = case when excluded.name is null then coalesce(excluded.category_id, c.category_id) else excluded.category_id end,
          membership_epoch = c.membership_epoch + case when (excluded.self_member is distinct from coalesce(c.self_member, true) and excluded.self_member is not null)
            or (excluded.archived and not c.archived) then 1 else 0 end,
          roster_at = case when excluded.external = c.external then c.roster_at end,
          updated_at = now()`,
    },
    [JSON.stringify(rows)],
  );
}

export async function upsertPeople(sql: SqlRunner, rows: readonly PersonRow[]): Promise<void> {
  await sql.query(
    {
      name: "upsert_people",
      text: `insert into people as p (installation_id, person_id, organization_id, kind, name, avatar_url)
        select inst, person, org, kind, name, avatar
        from jsonb_to_recordset($1::jsonb) as x(org text, inst text, person text, kind text, name text, avatar text) order by inst, person
        on conflict (installation_id, person_id) do update set kind = excluded.kind, name = coalesce(excluded.name, p.name),
          avatar_url = coalesce(excluded.avatar_url, p.avatar_url), updated_at = now()`,
    },
    [JSON.stringify(rows)],
  );
}

/** Stores what places are called and what they lie in. Rows must be distinct. */
export async function upsertPlaces(sql: SqlRunner, rows: readonly PlaceRow[]): Promise<void> {
  await sql.query(
    {
      name: "upsert_places",
      text: `insert into places as p (installation_id, place_id, organization_id, level, parent_id, name)
        select inst, place, org, level, parent, name
        from jsonb_to_recordset($1::jsonb) as x(org text, inst text, place text, level text, parent text, name text) order by inst, place
        on conflict (installation_id, place_id) do update set parent_id = coalesce(excluded.parent_id, p.parent_id),
          name = coalesce(excluded.name, p.name), updated_at = now()`,
    },
    [JSON.stringify(rows)],
  );
}

/**
 * Mirrors joins and leaves. Nothing is changed by an older event than the one known, nor by one from before the platform was asked, give or take what
 * clocks differ; what an event repeats stays as the platform answered. Rows must be distinct.
 */
export async function upsertMemberships(sql: SqlRunner, rows: readonly MembershipRow[]): Promise<void> {
  await sql.query(
    {
      name: "upsert_memberships",
      text: `insert into memberships as m (installation_id, channel_id, member_id, organization_id, state, source, version, member_class, updated_at)
        select inst, channel, member, org, state, source, version, coalesce(member_class, 'unknown'), least(now(), coalesce(occurred, now()))
        from jsonb_to_recordset($1::jsonb) as x(org text, inst text, channel text, member text, state text, source text, version text, member_class text, occurred timestamptz)
        where not exists (select 1 from channels h where h.installation_id = x.inst and h.channel_id = x.channel and h.roster_at - interval '5 seconds' > x.occurred)
        order by inst, channel, member
        on conflict (installation_id, channel_id, member_id) do update set state = excluded.state, version = excluded.version,
          member_class = case when m.source = 'event' and excluded.member_class <> 'unknown' then excluded.member_class else m.member_class end,
          source = case when m.state = excluded.state then m.source else excluded.source end,
          updated_at = case when m.state = excluded.state and m.source = 'fetch' then m.updated_at else excluded.updated_at end
        where m.version <= excluded.version and (m.source = 'event' or excluded.updated_at >= m.updated_at - interval '5 seconds')`,
    },
    [JSON.stringify(rows)],
  );
}

/** People and bots known to be in a channel, by name. */
export function listMembers(
  sql: SqlRunner,
  installationId: string,
  channelId: string,
): Promise<{ id: string; kind: string; name: string | null }[]> {
  return sql.query(
    {
      name: "list_members",
      text: `select m.member_id as id, coalesce(p.kind, 'human') as kind, p.name from memberships m
        left join people p on p.installation_id = m.installation_id and p.person_id = m.member_id
        where m.installation_id = $1 and m.channel_id = $2 and m.state = 'joined' order by p.name nulls last, m.member_id limit 500`,
    },
    [installationId, channelId],
  );
}
