import type { AccessPlace, AccessRule, NarrowerSourcePolicy, RoleAssignment } from "../contracts/access.ts";
import type { SqlRunner } from "./connection/database.ts";

/** What a change of the lists is attributed to. */
export interface ListOrigin {
  readonly organizationId: string;
  readonly createdBy: string;
}

export interface ChannelPolicy {
  readonly installationId: string;
  readonly channelId: string;
  readonly onNarrowerSource: NarrowerSourcePolicy;
  readonly source: "config" | "operator";
}

/** Stores lines that are not there yet; returns the ids of those that are new. */
export async function insertRules(sql: SqlRunner, origin: ListOrigin, rules: readonly AccessRule[]): Promise<string[]> {
  const rows = await sql.query<{ id: string }>(
    {
      text: `insert into access_rules (id, organization_id, level, installation_id, place_id, subject_kind, subject, action, effect, source, created_by)
        select x.id, $2, x.level, x."installationId", x."placeId", x."subjectKind", x.subject, x.action, x.effect, x.source, $3
        from jsonb_to_recordset($1::jsonb) as x(id text, level text, "installationId" text, "placeId" text, "subjectKind" text, subject text, action text, effect text, source text)
        on conflict (id) do nothing returning id`,
    },
    [JSON.stringify(rules), origin.organizationId, origin.createdBy],
  );
  return rows.map((row) => row.id);
}

export async function insertRoles(
  sql: SqlRunner,
  origin: ListOrigin,
  roles: readonly RoleAssignment[],
): Promise<string[]> {
  const rows = await sql.query<{ id: string }>(
    {
      text: `insert into role_assignments (id, organization_id, level, installation_id, place_id, person_id, role, source, created_by)
        select x.id, $2, x.level, x."installationId", x."placeId", x."personId", x.role, x.source, $3
        from jsonb_to_recordset($1::jsonb) as x(id text, level text, "installationId" text, "placeId" text, "personId" text, role text, source text)
        on conflict (id) do nothing returning id`,
    },
    [JSON.stringify(roles), origin.organizationId, origin.createdBy],
  );
  return rows.map((row) => row.id);
}

/** Removes lines by id; returns the ids of those that were there. */
export async function deleteRules(sql: SqlRunner, organizationId: string, ids: readonly string[]): Promise<string[]> {
  const rows = await sql.query<{ id: string }>(
    { text: "delete from access_rules where organization_id = $1 and id = any($2::text[]) returning id" },
    [organizationId, ids],
  );
  return rows.map((row) => row.id);
}

export async function deleteRoles(sql: SqlRunner, organizationId: string, ids: readonly string[]): Promise<string[]> {
  const rows = await sql.query<{ id: string }>(
    { text: "delete from role_assignments where organization_id = $1 and id = any($2::text[]) returning id" },
    [organizationId, ids],
  );
  return rows.map((row) => row.id);
}

export async function saveChannelPolicy(sql: SqlRunner, organizationId: string, policy: ChannelPolicy): Promise<void> {
  await sql.query(
    {
      text: `insert into channel_policies (installation_id, channel_id, organization_id, on_narrower_source, source) values ($1, $2, $3, $4, $5)
        on conflict (installation_id, channel_id) do update set on_narrower_source = excluded.on_narrower_source, source = excluded.source, updated_at = now()`,
    },
    [policy.installationId, policy.channelId, organizationId, policy.onNarrowerSource, policy.source],
  );
}

export async function deleteChannelPolicy(
  sql: SqlRunner,
  organizationId: string,
  place: { readonly installationId: string; readonly channelId: string },
): Promise<void> {
  await sql.query(
    { text: "delete from channel_policies where organization_id = $1 and installation_id = $2 and channel_id = $3" },
    [organizationId, place.installationId, place.channelId],
  );
}

export function listChannelPolicies(sql: SqlRunner, organizationId: string): Promise<ChannelPolicy[]> {
  return sql.query<ChannelPolicy>(
    {
      text: `select installation_id as "installationId", channel_id as "channelId", on_narrower_source as "onNarrowerSource", source
        from channel_policies where organization_id = $1 order by installation_id, channel_id`,
    },
    [organizationId],
  );
}

/** Keeps changes of an organization's lists one after another until the transaction ends, so that each is made on what it was decided on. */
export async function lockLists(tx: SqlRunner, organizationId: string): Promise<void> {
  await tx.query({ text: "select pg_advisory_xact_lock(hashtextextended($1, 4))" }, [`access:${organizationId}`]);
}

/** The installations of an organization that a platform's name or an installation's id means. */
export function findInstallations(
  sql: SqlRunner,
  organizationId: string,
  within: string,
): Promise<{ id: string; platform: string; external_id: string }[]> {
  return sql.query(
    {
      text: `select id, platform, external_id from installations
        where organization_id = $1 and (id = $2 or platform = lower($2)) and status <> 'removed' order by created_at, id`,
    },
    [organizationId, within],
  );
}

/** Channels, spaces, categories and threads of these installations that a name or an id means; ids win over names. */
export async function findPlaces(
  sql: SqlRunner,
  installationIds: readonly string[],
  level: AccessPlace["level"],
  name: string,
): Promise<{ installationId: string; placeId: string }[]> {
  const rows = await sql.query<{ installationId: string; placeId: string; exact: boolean }>(
    {
      text: `select distinct on (x.inst, x.id) x.inst as "installationId", x.id as "placeId", x.id = $3 as exact from (
          select installation_id as inst, channel_id as id, name from channels where $2 = 'channel'
          union all select installation_id, place_id, name from places where level = $2
          union all select installation_id, thread_id, null from conversations where $2 = 'thread' and thread_id is not null and thread_id = $3
        ) x where x.inst = any($1::text[]) and (x.id = $3 or lower(ltrim(x.name, '#')) = lower($3)) limit 20`,
    },
    [installationIds, level, name],
  );
  const exact = rows.filter((row) => row.exact);
  return (exact.length > 0 ? exact : rows).map(({ installationId, placeId }) => ({ installationId, placeId }));
}

/** What references of the configuration were found to mean before. */
export function readReferences(
  sql: SqlRunner,
  organizationId: string,
): Promise<(AccessPlace & { readonly reference: string })[]> {
  return sql.query(
    {
      text: `select reference, level, installation_id as "installationId", place_id as "placeId" from access_references where organization_id = $1`,
    },
    [organizationId],
  );
}

/** Makes the remembered references exactly these; one that is known keeps what it meant. */
export async function keepReferences(
  sql: SqlRunner,
  organizationId: string,
  references: readonly (AccessPlace & { readonly reference: string })[],
): Promise<void> {
  await sql.query(
    {
      text: `with gone as (
          delete from access_references where organization_id = $2
            and reference not in (select x.reference from jsonb_to_recordset($1::jsonb) as x(reference text))
        )
        insert into access_references (organization_id, reference, level, installation_id, place_id)
        select $2, x.reference, x.level, x."installationId", x."placeId"
        from jsonb_to_recordset($1::jsonb) as x(reference text, level text, "installationId" text, "placeId" text)
        on conflict do nothing`,
    },
    [JSON.stringify(references), organizationId],
  );
}

/** Names for people: of channels, spaces and categories by installation and id, of people by id. */
export async function readNames(
  sql: SqlRunner,
  organizationId: string,
  places: readonly { readonly installationId: string; readonly placeId: string }[],
  personIds: readonly string[],
): Promise<{
  readonly places: readonly { installationId: string; placeId: string; platform: string; name: string | null }[];
  readonly people: readonly { id: string; name: string }[];
}> {
  const [found, people] = [
    await sql.query<{ installationId: string; placeId: string; platform: string; name: string | null }>(
      {
        text: `select x."installationId", x."placeId", i.platform, coalesce(c.name, p.name) as name
          from jsonb_to_recordset($2::jsonb) as x("installationId" text, "placeId" text)
          join installations i on i.id = x."installationId" and i.organization_id = $1
          left join channels c on c.installation_id = x."installationId" and c.channel_id = x."placeId"
          left join places p on p.installation_id = x."installationId" and p.place_id = x."placeId"`,
      },
      [organizationId, JSON.stringify(places)],
    ),
    await sql.query<{ id: string; name: string }>(
      {
        text: "select distinct on (person_id) person_id as id, name from people where organization_id = $1 and person_id = any($2::text[]) and name is not null",
      },
      [organizationId, personIds],
    ),
  ];
  return { places: found, people };
}
