import type { MemberClass } from "../contracts/access.ts";
import type { MemberProfile } from "../contracts/adapter-features.ts";
import { ParleyError } from "../errors/parley-error.ts";
import { askerLeft, endAccess } from "./barred.ts";
import type { SqlRunner } from "./connection/database.ts";
import { endInvitationsOf } from "./invitations.ts";

/** A channel, or a thread that has readers of its own; the latter keeps its members under its own id. */
export interface MirrorPlace {
  readonly organizationId: string;
  readonly installationId: string;
  readonly channelId: string;
  readonly threadId: string | undefined;
}

/** What the mirror says of one person in a place; ages are the ledger's own, in ms. */
export interface MirroredMember {
  readonly state: "joined" | "left" | null;
  readonly memberClass: MemberClass | null;
  readonly source: "event" | "fetch" | null;
  /** The platform was asked about this person, so that the class is theirs and not a guess. */
  readonly asked: boolean;
  readonly ageMs: number | null;
  readonly rosterAgeMs: number | null;
  /** The ledger's time now. */
  readonly now: Date;
}

export interface MirroredRoster {
  readonly rosterAgeMs: number | null;
  readonly openToMembers: boolean | null;
  readonly complete: boolean | null;
  /** `asked`: the platform was asked about this one, so that the class is theirs and not what an event hints at. */
  readonly members: readonly { readonly id: string; readonly memberClass: MemberClass; readonly asked: boolean }[];
  readonly now: Date;
}

/** Turns that the news ended, for their abort signals. */
export type StoppedTurns = readonly { readonly id: string; readonly reason: string }[];

/** Times of platforms and of the ledger differ by so much at most: within it, an event is believed rather than a list that was fetched. */
const CLOCK_SLACK = "interval '5 seconds'";
const idOf = ({ channelId, threadId }: MirrorPlace): string => threadId ?? channelId;

/** When the whole list of a place was fetched, and what it said beside its members. */
const ROSTER = `select roster_at, roster_open, roster_complete from channels where installation_id = $1 and channel_id = $2
  union all select roster_at, roster_open, roster_complete from places where installation_id = $1 and place_id = $2 and level = 'thread'`;
/** A list confirms every older row that it did not change. */
const CONFIRMED = `(m.source = 'fetch' or m.updated_at < r.roster_at - ${CLOCK_SLACK})`;
const AS_OF = `case when ${CONFIRMED} then greatest(m.updated_at, r.roster_at) else m.updated_at end`;
const MS = (since: string): string => `(extract(epoch from clock_timestamp() - ${since}) * 1000)::float8`;

/** The platform of an installation of this organization; undefined when there is none. */
export async function platformOf(
  sql: SqlRunner,
  organizationId: string,
  installationId: string,
): Promise<string | undefined> {
  const [row] = await sql.query<{ platform: string }>(
    { name: "platform_of", text: "select platform from installations where id = $1 and organization_id = $2" },
    [installationId, organizationId],
  );
  return row?.platform;
}

export async function readMember(sql: SqlRunner, place: MirrorPlace, memberId: string): Promise<MirroredMember> {
  const [row] = await sql.query<MirroredMember>(
    {
      name: "read_mirrored_member",
      text: `select m.state, m.member_class as "memberClass", m.source, coalesce(${CONFIRMED}, false) as asked,
          ${MS(AS_OF)} as "ageMs", ${MS("r.roster_at")} as "rosterAgeMs", clock_timestamp() as now
        from (select 1) one left join (${ROSTER}) r on true
        left join memberships m on m.installation_id = $1 and m.channel_id = $2 and m.member_id = $3`,
    },
    [place.installationId, idOf(place), memberId],
  );
  if (row === undefined)
    throw new ParleyError("INVARIANT_BROKEN", { detail: "a mirrored fact has one row, known or not" });
  return row;
}

export async function readRoster(sql: SqlRunner, place: MirrorPlace): Promise<MirroredRoster> {
  const [row] = await sql.query<MirroredRoster>(
    {
      name: "read_mirrored_roster",
      text: `select ${MS("r.roster_at")} as "rosterAgeMs", r.roster_open as "openToMembers", r.roster_complete as complete, clock_timestamp() as now,
          (select coalesce(jsonb_agg(jsonb_build_object('id', m.member_id, 'memberClass', m.member_class, 'asked', coalesce(${CONFIRMED}, false))), '[]') from memberships m
            where m.installation_id = $1 and m.channel_id = $2 and m.state = 'joined') as members
        from (select 1) one left join (${ROSTER}) r on true`,
    },
    [place.installationId, idOf(place)],
  );
  if (row === undefined)
    throw new ParleyError("INVARIANT_BROKEN", { detail: "a mirrored fact has one row, known or not" });
  return row;
}

/** What was fetched of a place, and the ledger's time when that began. */
export interface FetchedRoster {
  readonly begunAt: Date;
  readonly members: readonly MemberProfile[];
  readonly openToMembers: boolean;
  readonly complete: boolean;
}

/**
 * Stores the whole list of a place: who is on it is in, who is not has left, unless an event told otherwise meanwhile. To be called in a
 * transaction; whoever is found to have left loses there what a leave event would have taken.
 */
export async function storeRoster(tx: SqlRunner, place: MirrorPlace, roster: FetchedRoster): Promise<StoppedTurns> {
  const { organizationId, installationId } = place;
  const members = roster.members.filter((one) => !one.self);
  const values = [installationId, idOf(place), organizationId, JSON.stringify(members), roster.begunAt];
  if (!(await claimRoster(tx, place, roster))) return [];
  await tx.query(
    {
      name: "store_roster_people",
      text: `insert into people as p (installation_id, person_id, organization_id, kind, name, avatar_url)
        select $1, id, $2, kind, name, "avatarUrl" from jsonb_to_recordset($3::jsonb) as x(id text, kind text, name text, "avatarUrl" text) order by id
        on conflict (installation_id, person_id) do update set kind = excluded.kind, name = excluded.name,
          avatar_url = coalesce(excluded.avatar_url, p.avatar_url), updated_at = now()
        where (p.kind, p.name) is distinct from (excluded.kind, excluded.name)`,
    },
    [installationId, organizationId, JSON.stringify(members)],
  );
  await tx.query(
    {
      name: "store_roster_members",
      text: `insert into memberships as m (installation_id, channel_id, member_id, organization_id, state, member_class, source, version, updated_at)
        select $1, $2, id, $3, 'joined', "memberClass", 'fetch', '', $5::timestamptz
        from jsonb_to_recordset($4::jsonb) as x(id text, "memberClass" text) order by id
        on conflict (installation_id, channel_id, member_id) do update set state = 'joined', member_class = excluded.member_class, source = 'fetch',
          updated_at = greatest(m.updated_at, excluded.updated_at)
        where (m.state, m.member_class, m.source) is distinct from ('joined', excluded.member_class, 'fetch')
          and (m.state = 'joined' or m.updated_at < excluded.updated_at - case m.source when 'event' then ${CLOCK_SLACK} else interval '0' end)`,
    },
    values,
  );
  const gone = await tx.query<{ member: string; class: string; kind: string | null }>(
    {
      name: "store_roster_leavers",
      text: `update memberships m set state = 'left', source = 'fetch', updated_at = $4::timestamptz
        where installation_id = $1 and channel_id = $2 and state = 'joined' and not (member_id = any($3::text[]))
          and updated_at < $4::timestamptz - case source when 'event' then ${CLOCK_SLACK} else interval '0' end
        returning member_id as member, member_class as class, (select p.kind from people p where p.installation_id = m.installation_id and p.person_id = m.member_id) as kind`,
    },
    [installationId, idOf(place), members.map(({ id }) => id), roster.begunAt],
  );
  // Bots and webhooks that speak in a channel are often on no list of it.
  return await endOf(
    tx,
    place,
    gone.filter((one) => [one.kind, one.class].every((what) => what !== "bot" && what !== "agent")),
  );
}

/** False when a list that was begun later is stored already, or the channel was never heard of. Lists of one place are stored one after another. */
async function claimRoster(tx: SqlRunner, place: MirrorPlace, roster: FetchedRoster): Promise<boolean> {
  const { organizationId, installationId, channelId, threadId } = place;
  const values = [installationId, idOf(place), roster.begunAt, roster.openToMembers, roster.complete];
  if (threadId === undefined) {
    const rows = await tx.query(
      {
        name: "claim_channel_roster",
        text: `update channels set roster_at = $3::timestamptz, roster_open = $4, roster_complete = $5
          where installation_id = $1 and channel_id = $2 and (roster_at is null or roster_at <= $3::timestamptz) returning 1`,
      },
      values,
    );
    return rows.length > 0;
  }
  const rows = await tx.query(
    {
      name: "claim_thread_roster",
      text: `insert into places as p (installation_id, place_id, organization_id, level, parent_id, roster_at, roster_open, roster_complete)
        values ($1, $2, $6, 'thread', $7, $3::timestamptz, $4, $5)
        on conflict (installation_id, place_id) do update set roster_at = excluded.roster_at, roster_open = excluded.roster_open,
          roster_complete = excluded.roster_complete, updated_at = now()
        where p.roster_at is null or p.roster_at <= excluded.roster_at returning 1`,
    },
    [...values, organizationId, channelId],
  );
  return rows.length > 0;
}

/** What the platform answered about one person. */
export interface FetchedMember {
  readonly memberId: string;
  readonly isIn: boolean;
  readonly memberClass: MemberClass;
  readonly begunAt: Date;
}

/** Stores what the platform answered about one person, as `storeRoster` does for all. */
export async function storeMember(tx: SqlRunner, place: MirrorPlace, fetched: FetchedMember): Promise<StoppedTurns> {
  const { memberId, isIn, memberClass, begunAt } = fetched;
  const rows = await tx.query<{ was: string | null }>(
    {
      name: "store_fetched_member",
      text: `with was as (select state from memberships where installation_id = $1 and channel_id = $2 and member_id = $3 for update)
        insert into memberships as m (installation_id, channel_id, member_id, organization_id, state, member_class, source, version, updated_at)
        select $1, $2, $3, $4, $5, $6, 'fetch', '', $7::timestamptz where not exists (select 1 from (${ROSTER}) r where r.roster_at > $7::timestamptz)
        on conflict (installation_id, channel_id, member_id) do update set state = excluded.state, source = 'fetch',
          member_class = case excluded.state when 'joined' then excluded.member_class else m.member_class end, updated_at = excluded.updated_at
        where m.state = excluded.state or m.updated_at < excluded.updated_at - case m.source when 'event' then ${CLOCK_SLACK} else interval '0' end
        returning (select state from was) as was`,
    },
    [place.installationId, idOf(place), memberId, place.organizationId, isIn ? "joined" : "left", memberClass, begunAt],
  );
  const left = !isIn && rows[0]?.was === "joined";
  return left ? await endOf(tx, place, [{ member: memberId }]) : [];
}

/** What somebody asked for in a channel, and the agents that they invited, go with them. A thread's readers are no members of it to have left it. */
async function endOf(
  tx: SqlRunner,
  place: MirrorPlace,
  gone: readonly { readonly member: string }[],
): Promise<StoppedTurns> {
  if (gone.length === 0 || place.threadId !== undefined) return [];
  const at = { inst: place.installationId, channel: place.channelId };
  const stopped = await endAccess(
    tx,
    gone.map(({ member }) => askerLeft(at, member)),
  );
  const uninvited = await endInvitationsOf(
    tx,
    gone.map(({ member }) => ({ ...at, member })),
  );
  return [...stopped, ...uninvited];
}

/**
 * Takes what was fetched of a channel's members for old, since its identity was away and no event told who left meanwhile: the platform is asked
 * again before anything is decided by it. To be called in the transaction that brings the identity back.
 */
export async function doubtMembers(
  tx: SqlRunner,
  channels: readonly { readonly inst: string; readonly channel: string }[],
): Promise<void> {
  await tx.query(
    {
      name: "doubt_members",
      text: `with came_back as (
          update channels c set roster_at = null from jsonb_to_recordset($1::jsonb) as x(inst text, channel text)
          where c.installation_id = x.inst and c.channel_id = x.channel returning c.installation_id, c.channel_id
        )
        update memberships m set updated_at = least(m.updated_at, now() - interval '1 hour') from came_back b
        where m.installation_id = b.installation_id and m.channel_id = b.channel_id and m.state = 'joined' and m.source = 'fetch'`,
    },
    [JSON.stringify(channels)],
  );
}
