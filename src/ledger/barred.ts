import type { SqlRunner } from "./connection/database.ts";
import { BARRED_BY } from "./sendable.ts";

/** Turns of which a write was cancelled end as cancelled once nothing of theirs is under way, and so do their events. */
const END_TURNS = (barred: string): string => `turn_end as (
    update turns t set outcome = 'cancelled', state_reason = b.rule,
      state = case when x.busy then t.state else 'cancelled' end, finished_at = case when x.busy then null else now() end
    from (select turn_id, min(rule) as rule from ${barred} where turn_id is not null group by turn_id) b
    cross join lateral (select exists (select 1 from deliveries o where o.turn_id = b.turn_id and o.state in ('pending', 'sending', 'open', 'unknown')
      and not exists (select 1 from ${barred} y where y.id = o.id)) as busy) x
    where t.id = b.turn_id and t.state = 'delivering'
    returning t.id, t.event_id, t.state_reason, t.finished_at
  ), ev as (
    update events e set open_turns = e.open_turns - x.n,
      state = case when e.open_turns - x.n > 0 then e.state when exists (select 1 from turns t where t.event_id = e.id and t.state = 'answered') then 'answered' else 'cancelled' end,
      state_reason = case when e.open_turns - x.n > 0 then e.state_reason else x.reason end,
      finished_at = case when e.open_turns - x.n > 0 then null else now() end
    from (select event_id, count(*)::int as n, min(state_reason) as reason from turn_end where finished_at is not null group by event_id) x
    where e.id = x.event_id
  )`;

/** Cancels what is due to be sent and may not be any more, with the rule that bars it; returns how many writes. */
export async function endBarred(sql: SqlRunner, platforms: readonly string[]): Promise<number> {
  const rows = await sql.query(
    {
      name: "end_barred",
      text: `with due as materialized (
          select d.id, ${BARRED_BY("d", "c")} as rule
          from conversations c join deliveries d on d.conversation_id = c.id and d.state = 'pending'
          where c.outbox_due_at <= now() and c.platform = any($1::text[])
          limit 1000
        ), barred as materialized (
          update deliveries d set state = 'cancelled', reason = u.rule, owner = null from due u
          where d.id = u.id and u.rule is not null and d.state = 'pending' returning d.id, d.turn_id, d.organization_id, u.rule
        ), ${END_TURNS("barred")}, told as (
          insert into audit_log (organization_id, entries)
          select organization_id, jsonb_agg(jsonb_build_object('what', 'delivery', 'delivery', id, 'turn', turn_id, 'outcome', 'cancelled', 'rule', rule))::text
          from barred group by organization_id
        )
        select id from barred`,
    },
    [platforms],
  );
  return rows.length;
}

/** What ends: all work of a channel, or what one person asked for there, or what one agent does there. */
export interface EndedAccess {
  readonly inst: string;
  readonly channel: string;
  readonly reason: string;
  readonly asker: string | null;
  readonly agent: string | null;
}

/** What a person asked for in a channel ends because they have left it, whoever told of that: an event, a fetched list or the presence watch. */
export function askerLeft(at: Pick<EndedAccess, "inst" | "channel">, personId: string): EndedAccess {
  return { inst: at.inst, channel: at.channel, reason: "asker_left", asker: personId, agent: null };
}

/**
 * Asks the open turns of channels and their threads to stop and cancels what they have not sent, within the transaction that ends the access.
 *
 * Returns the turns, for their abort signals.
 */
export async function endAccess(
  sql: SqlRunner,
  ended: readonly EndedAccess[],
): Promise<{ readonly id: string; readonly reason: string }[]> {
  return await sql.query(
    {
      name: "end_access",
      text: `with ended as materialized (
          select distinct on (t.id) t.id, t.organization_id, t.state, x.reason
          from jsonb_to_recordset($1::jsonb) as x(inst text, channel text, reason text, asker text, agent text)
          join conversations c on c.installation_id = x.inst and c.channel_id = x.channel
          join turns t on t.reply_conversation_id = c.id and t.finished_at is null
            and (x.asker is null or t.asker_id = x.asker) and (x.agent is null or t.agent_id = x.agent)
          order by t.id
        ), barred as materialized (
          update deliveries d set state = 'cancelled', reason = e.reason, owner = null from ended e
          where d.turn_id = e.id and d.state = 'pending' and (d.final or d.message_id is null)
          returning d.id, d.turn_id, e.reason as rule
        ), stopped as (
          update turns t set cancel_requested = coalesce(t.cancel_requested, 'cancelled:' || e.reason) from ended e
          where t.id = e.id and t.finished_at is null and t.state <> 'delivering'
        ), ${END_TURNS("barred")}, told as (
          insert into audit_log (organization_id, entries)
          select organization_id, jsonb_agg(jsonb_build_object('what', 'grant_changed', 'turn', id, 'outcome', 'cancelled', 'rule', reason))::text from ended group by organization_id
        )
        select id, reason from ended`,
    },
    [JSON.stringify(ended)],
  );
}

/** Ends all work of an installation that is removed: its identity is in no channel any more. Returns the turns that run now. */
export async function endInstallation(
  sql: SqlRunner,
  installationId: string,
  reason: string,
): Promise<{ readonly id: string; readonly reason: string }[]> {
  const left = await sql.query<{ channel_id: string }>(
    {
      text: `update channels set self_member = false, membership_epoch = membership_epoch + 1, updated_at = now()
        where installation_id = $1 and self_member is distinct from false returning channel_id`,
    },
    [installationId],
  );
  return await endAccess(
    sql,
    left.map(({ channel_id: channel }) => ({ inst: installationId, channel, reason, asker: null, agent: null })),
  );
}
