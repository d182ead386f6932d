import { ConversationPath } from "../envelope/conversation.ts";
import { askerLeft, endAccess } from "./barred.ts";
import type { SqlRunner } from "./connection/database.ts";
import { doubtMembers, type StoppedTurns } from "./member-mirror.ts";

/** A channel in which something is under way or was thought to be left, and whose identity is to be asked about. */
export interface WatchedChannel {
  readonly organizationId: string;
  readonly installationId: string;
  readonly channelId: string;
  readonly path: ConversationPath;
  readonly selfMember: boolean | null;
  /** People who wait for an answer there. */
  readonly askers: readonly string[];
}

/**
 * Takes channels with open turns or unsent writes (older than half of `everyMs`: what has just been asked was asked where the installation is) that
 * nobody has asked about for `everyMs`, so that no other process asks too; and those that were found to be left, in case that was a mistake.
 */
export async function takeWatched(
  sql: SqlRunner,
  query: { readonly platforms: readonly string[]; readonly everyMs: number; readonly limit: number },
): Promise<WatchedChannel[]> {
  const rows = await sql.query<Omit<WatchedChannel, "path"> & { path: unknown }>(
    {
      name: "take_watched_channels",
      text: `with work as materialized (
          select t.reply_conversation_id as conversation_id, t.asker_id from turns t
          where t.finished_at is null and t.reply_conversation_id is not null and t.created_at < now() - $2 * interval '0.5 milliseconds'
          union all
          select d.conversation_id, null from deliveries d
          where d.state in ('pending', 'sending', 'open', 'unknown') and d.created_at < now() - $2 * interval '0.5 milliseconds'
        ), busy as materialized (
          select c.installation_id, c.channel_id, (array_agg(c.path order by c.id))[1] as path,
            coalesce(array_agg(distinct w.asker_id) filter (where w.asker_id is not null
              and coalesce(p.kind, 'human') in ('human', 'external_guest') and coalesce(m.member_class, 'member') not in ('bot', 'agent')), '{}') as askers
          from work w join conversations c on c.id = w.conversation_id and c.platform = any($1::text[])
          left join people p on p.installation_id = c.installation_id and p.person_id = w.asker_id
          left join memberships m on m.installation_id = c.installation_id and m.channel_id = c.channel_id and m.member_id = w.asker_id
          group by c.installation_id, c.channel_id
        ), doubted as (
          select h.installation_id, h.channel_id, (select c.path from conversations c where c.installation_id = h.installation_id and c.channel_id = h.channel_id
              and c.platform = any($1::text[]) order by c.id limit 1) as path, '{}'::text[] as askers
          from channels h where h.self_member = false and h.presence_at >= h.updated_at
        ), due as (
          select x.*, h.self_member, h.organization_id from (select * from busy union all select * from doubted) x
          join channels h on h.installation_id = x.installation_id and h.channel_id = x.channel_id
          where x.path is not null and not h.archived and (h.presence_at is null or h.presence_at < now() - $2 * interval '1 millisecond')
            and (h.self_member is distinct from false or h.presence_at >= h.updated_at)
          order by h.presence_at nulls first limit $3
          for update of h skip locked
        )
        update channels h set presence_at = now() from due x where h.installation_id = x.installation_id and h.channel_id = x.channel_id
        returning h.organization_id as "organizationId", h.installation_id as "installationId", h.channel_id as "channelId", x.path, h.self_member as "selfMember",
          to_jsonb(x.askers) as askers`,
    },
    [query.platforms, query.everyMs, query.limit],
  );
  return rows.map((row) => ({ ...row, path: channelOf(ConversationPath.parse(row.path)) }));
}

/**
 * Does what the event does that was missed: the identity has left a channel, or is in it again. Nothing where the mirror says so already, or where an
 * event has told something since the platform was asked (`takeWatched` marks when).
 */
export async function storePresence(
  tx: SqlRunner,
  channel: { readonly installationId: string; readonly channelId: string; readonly present: boolean },
): Promise<StoppedTurns> {
  const { installationId, channelId, present } = channel;
  const changed = await tx.query(
    {
      name: "store_presence",
      text: `update channels set self_member = $3, membership_epoch = membership_epoch + 1, updated_at = now(), presence_at = now()
        where installation_id = $1 and channel_id = $2 and coalesce(self_member, true) <> $3 and (presence_at is null or presence_at >= updated_at) returning 1`,
    },
    [installationId, channelId, present],
  );
  if (changed.length === 0) return [];
  if (present) {
    await doubtMembers(tx, [{ inst: installationId, channel: channelId }]);
    return [];
  }
  return await endAccess(tx, [
    { inst: installationId, channel: channelId, reason: "member_left", asker: null, agent: null },
  ]);
}

/** Ends what somebody asked for in a channel that they have left. */
export async function endAsked(
  tx: SqlRunner,
  channel: { readonly installationId: string; readonly channelId: string; readonly askerId: string },
): Promise<StoppedTurns> {
  const at = { inst: channel.installationId, channel: channel.channelId };
  return await endAccess(tx, [askerLeft(at, channel.askerId)]);
}

/** When the roster of a channel was last fetched; undefined for a channel that is not mirrored. */
export async function lacksRoster(
  sql: SqlRunner,
  channel: { readonly installationId: string; readonly channelId: string },
): Promise<boolean> {
  const rows = await sql.query(
    {
      name: "lacks_roster",
      text: "select 1 from channels where installation_id = $1 and channel_id = $2 and roster_at is null and self_member is distinct from false",
    },
    [channel.installationId, channel.channelId],
  );
  return rows.length > 0;
}

function channelOf({ thread: _thread, ...path }: ConversationPath): ConversationPath {
  return path;
}
