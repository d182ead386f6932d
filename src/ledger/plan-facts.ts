import type { SqlRunner } from "./connection/database.ts";

export interface MirroredChannel {
  readonly installationId: string;
  readonly channelId: string;
  readonly platform: string;
  readonly name: string | null;
  readonly kind: "public" | "private" | "direct" | "group_direct";
  readonly archived: boolean;
  readonly selfMember: boolean | null;
  readonly spaceId: string | null;
  readonly categoryId: string | null;
  /** People who are in it, each with their class. */
  readonly members: readonly { readonly id: string; readonly memberClass: string }[];
}

/** All channels of an organization with the people in them, as the mirror has them. */
export function readMirror(sql: SqlRunner, organizationId: string): Promise<MirroredChannel[]> {
  return sql.query<MirroredChannel>(
    {
      text: `select c.installation_id as "installationId", c.channel_id as "channelId", i.platform, c.name, c.kind, c.archived, c.self_member as "selfMember",
          coalesce(c.space_id, (select v.path->'space'->>'id' from conversations v where v.installation_id = c.installation_id and v.channel_id = c.channel_id limit 1)) as "spaceId",
          coalesce(c.category_id, (select v.path->'category'->>'id' from conversations v where v.installation_id = c.installation_id and v.channel_id = c.channel_id limit 1)) as "categoryId",
          coalesce((select jsonb_agg(jsonb_build_object('id', m.member_id, 'memberClass', m.member_class) order by m.member_id) from memberships m
            where m.installation_id = c.installation_id and m.channel_id = c.channel_id and m.state = 'joined'), '[]') as members
        from channels c join installations i on i.id = c.installation_id where c.organization_id = $1 order by c.installation_id, c.channel_id`,
    },
    [organizationId],
  );
}

export interface OpenWork {
  readonly agentId: string;
  readonly installationId: string;
  readonly channelId: string;
  readonly path: unknown;
  readonly askerId: string | null;
  /** What asked for it, where and by whom. */
  readonly asked: { readonly kind: string; readonly sender: unknown; readonly path: unknown };
}

/** Where agents of an organization have open turns, and who asked for them. */
export function listOpenWork(sql: SqlRunner, organizationId: string): Promise<OpenWork[]> {
  return sql.query(
    {
      text: `select distinct on (t.agent_id, c.id, t.asker_id) t.agent_id as "agentId", c.installation_id as "installationId", c.channel_id as "channelId", c.path,
          t.asker_id as "askerId", jsonb_build_object('kind', e.kind, 'sender', e.envelope->'sender', 'path', e.envelope->'conversation') as asked
        from turns t join conversations c on c.id = t.reply_conversation_id join events e on e.id = t.event_id
        where t.finished_at is null and t.organization_id = $1`,
    },
    [organizationId],
  );
}
