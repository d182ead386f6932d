import { endBarred } from "./barred.ts";
import type { SqlRunner } from "./connection/database.ts";
import { ONE_BY_ONE } from "./one-by-one.ts";
import { SENDING_COLUMNS, type SendingDelivery } from "./replies.ts";
import { AUDIENCE_UNSURE, BARRED_BY } from "./sendable.ts";

/** What became of one attempt of a delivery. */
export interface ReceiptRow {
  readonly id: string;
  readonly epoch: number;
  /** pending: certainly not sent and to be tried again; unknown: to be reconciled; the others are final. */
  readonly state: "delivered" | "rejected" | "cancelled" | "parked" | "unknown" | "pending" | "open";
  readonly message_id: string | null;
  readonly occurred: string | null;
  readonly porder: string | null;
  readonly code: string | null;
  readonly reason: string | null;
  /** Pause before the next attempt or read-back, in ms. */
  readonly wait_ms: number;
  /** A read-back did not find it; counted, because only two of them in a row prove that it is not there. */
  readonly absent: boolean;
  /** Another form to send next time (the plain fallback of a refused post). */
  readonly body: unknown;
  readonly sender: unknown;
  readonly dead_letter: string | null;
  /** The message that was to be edited stays as it is: the text comes as a new one. Default false. */
  readonly anew?: boolean;
}

const PENDING_NEXT = (exclude: string) => `
  select distinct on (d.conversation_id) d.id, d.not_before, d.conversation_id, d.sequence from deliveries d
  where d.state = 'pending' and d.conversation_id in (select conversation_id from ${exclude}) and not exists (select 1 from ${exclude} x where x.id = d.id)
    and not exists (select 1 from ${exclude} x where x.turn_id = d.turn_id and x.state = 'cancelled')
  order by d.conversation_id, d.sequence`;

const NOT_BLOCKED = (exclude: string) => `not exists (
  select 1 from deliveries o where o.conversation_id = n.conversation_id and o.state in ('sending', 'unknown') and o.message_id is null and o.id <> n.id
    and not exists (select 1 from ${exclude} x where x.id = o.id))`;

const RECEIPTS = {
  name: "receipts",
  text: `
with done as materialized (
  update deliveries d set state = i.state, message_id = case when i.anew then null else coalesce(i.message_id, d.message_id) end, code = i.code, reason = i.reason,
    not_before = now() + i.wait_ms * interval '1 millisecond', owner = null,
    absences = case when i.absent then d.absences + 1 else 0 end, body = case when i.body is null or i.body = 'null'::jsonb then d.body else i.body end,
    delivered_at = case when i.state = 'delivered' then now() end, preview = d.preview and i.anew is not true,
    idempotency_key = d.idempotency_key || case when i.anew then ':anew' else '' end
  from jsonb_to_recordset($2::jsonb) as i(id text, epoch int, state text, message_id text, occurred timestamptz, porder text, code text, reason text, wait_ms int, absent boolean, body jsonb, sender jsonb, dead_letter text, anew boolean)
  -- The state is written so that no partial index fits it: read through one, all that is being sent would be compared with all receipts.
  where ${ONE_BY_ONE("i.id")} and d.id = i.id and d.epoch = i.epoch and d.owner = $1 and d.state || '' = 'sending'
  returning d.id, d.turn_id, d.conversation_id, d.organization_id, d.agent_id, d.state, d.message_id, d.fallback_text, d.not_before, d.code, d.reason, d.ordinal,
    i.occurred, i.porder, i.sender, i.dead_letter
), msg as (
  insert into messages (installation_id, channel_id, message_id, organization_id, conversation_id, turn_id, agent_id, sender, content, text, platform_order, occurred_at)
  select c.installation_id, c.channel_id, d.message_id, d.organization_id, d.conversation_id, d.turn_id, d.agent_id, d.sender,
    jsonb_build_array(jsonb_build_object('type', 'text', 'markdown', d.fallback_text)), d.fallback_text, d.porder, coalesce(d.occurred, now())
  from done d join conversations c on c.id = d.conversation_id where d.state = 'delivered' and d.message_id is not null and d.porder is not null
  order by c.installation_id, c.channel_id, d.message_id
  on conflict (installation_id, channel_id, message_id) do update set text = excluded.text, content = excluded.content, turn_id = excluded.turn_id, agent_id = excluded.agent_id, revision = messages.revision + 1
), dead as (
  insert into dead_letters (id, organization_id, stage, code, reason, dedupe_key, turn_id, delivery_id, conversation_id)
  select d.dead_letter, d.organization_id, 'deliver', coalesce(d.code, 'INVARIANT_BROKEN'), coalesce(d.reason, ''), 'delivery:' || d.id, d.turn_id, d.id, d.conversation_id
  from done d where d.dead_letter is not null
  on conflict (dedupe_key) do update set state = 'open', code = excluded.code, reason = excluded.reason, resolved_at = null
), unsaid as (
  -- What else the turn had to say would go to the same closed place.
  update deliveries d set state = 'cancelled', code = x.code, reason = x.reason
  from (select distinct on (turn_id) turn_id, code, reason from done where state = 'cancelled' order by turn_id) x
  where d.turn_id = x.turn_id and d.state = 'pending' and not exists (select 1 from done y where y.id = d.id)
), next as materialized (${PENDING_NEXT("done")}), taken as (
  update deliveries d set state = 'sending', owner = $1, epoch = d.epoch + 1, attempt = d.attempt + 1, first_attempt_at = coalesce(d.first_attempt_at, now())
  from next n join conversations c on c.id = n.conversation_id
  where d.id = n.id and d.state = 'pending' and n.not_before <= now() and $3::boolean and ${NOT_BLOCKED("done")} and ${BARRED_BY("d", "c")} is null and not ${AUDIENCE_UNSURE("d.turn_id", "c")}
    and not exists (select 1 from done x where x.conversation_id = n.conversation_id and x.state in ('unknown', 'pending') and x.message_id is null)
  returning d.*
), finished as (
  update turns t set finished_at = now(),
    state = case when t.outcome <> 'answered' then t.outcome
      when exists (select 1 from done x where x.turn_id = t.id and x.state = 'delivered')
        or exists (select 1 from deliveries o where o.turn_id = t.id and o.state = 'delivered' and o.ordinal >= 0) then 'answered'
      when exists (select 1 from done x where x.turn_id = t.id and x.state = 'cancelled')
        and not exists (select 1 from deliveries o where o.turn_id = t.id and o.state in ('rejected', 'parked') and o.ordinal >= 0) then 'cancelled' else 'dead_lettered' end,
    state_reason = coalesce(t.state_reason, (select x.reason from done x where x.turn_id = t.id and x.state <> 'delivered' limit 1))
  where t.state = 'delivering' and t.id in (select turn_id from done where state in ('delivered', 'rejected', 'cancelled', 'parked'))
    -- Written so that no partial index fits it: what is open of all turns would be compared with each of these.
    and not exists (select 1 from deliveries o where o.turn_id = t.id and o.state || '' in ('pending', 'sending', 'unknown', 'open')
      and not exists (select 1 from done x where x.id = o.id and x.state in ('delivered', 'rejected', 'cancelled', 'parked'))
      and not (o.state = 'pending' and exists (select 1 from done x where x.turn_id = t.id and x.state = 'cancelled')))
  returning t.id, t.event_id, t.reply_conversation_id, t.agent_id, t.state, t.state_reason, t.follow_up, t.organization_id
), ev as (
  update events e set open_turns = e.open_turns - x.n,
    state = case when e.open_turns - x.n > 0 then e.state when x.answered or exists (select 1 from turns t where t.event_id = e.id and t.state = 'answered') then 'answered' else x.state end,
    state_reason = case when e.open_turns - x.n > 0 then e.state_reason else x.reason end,
    finished_at = case when e.open_turns - x.n > 0 then null else now() end
  from (select event_id, count(*)::int as n, bool_or(state = 'answered') as answered, min(state) as state, min(state_reason) as reason from finished group by event_id) x
  where e.id = x.event_id
), follow as (
  insert into events (id, organization_id, installation_id, conversation_id, kind, dedupe_key, platform_order, envelope, occurred_at)
  select f.follow_up->>'id', f.organization_id, c.installation_id, f.reply_conversation_id, 'message_created', 'turn:' || f.id, coalesce(d.porder, f.follow_up->>'porder'),
    jsonb_set(jsonb_set(f.follow_up->'envelope', '{body,messageId}', to_jsonb(d.message_id)), '{platformOrder}', to_jsonb(coalesce(d.porder, f.follow_up->>'porder'))), now()
  from finished f join conversations c on c.id = f.reply_conversation_id
  join lateral (select x.message_id, x.porder from (
      select y.message_id, y.porder, y.ordinal from done y where y.turn_id = f.id and y.state = 'delivered' and y.message_id is not null
      union all select o.message_id, m.platform_order, o.ordinal from deliveries o
        join messages m on m.installation_id = c.installation_id and m.channel_id = c.channel_id and m.message_id = o.message_id
        where o.turn_id = f.id and o.state = 'delivered' and o.ordinal >= 0
    ) x order by x.ordinal limit 1) d on true
  where f.follow_up is not null and f.follow_up <> 'null'::jsonb and f.state = 'answered'
  on conflict (installation_id, dedupe_key) do nothing
  returning conversation_id
), conv as (
  update conversations c set
    due_at = case when r.route then now() else c.due_at end, rings = c.rings + case when r.route then 1 else 0 end,
    outbox_due_at = case when r.outbox_at is null then c.outbox_due_at else r.outbox_at end
  from (select id, bool_or(route) as route, min(outbox_at) as outbox_at from (
      select conversation_id as id, true as route, null::timestamptz as outbox_at from follow
      union all select f.reply_conversation_id, true, null from finished f
        where (select true from turns q where q.reply_conversation_id = f.reply_conversation_id and q.finished_at is null and q.state = 'queued' limit 1)
      union all select d.conversation_id, false, d.not_before from done d where d.state in ('pending', 'unknown')
      union all select n.conversation_id, false, greatest(n.not_before, now()) from next n where not exists (select 1 from taken k where k.id = n.id)
    ) u group by id) r
  where c.id = r.id
  returning c.id, r.route
), told as (
  insert into audit_log (organization_id, entries)
  select organization_id, jsonb_agg(jsonb_strip_nulls(jsonb_build_object('what', 'delivery', 'delivery', id, 'turn', turn_id, 'by', agent_id, 'outcome', state, 'message', message_id, 'rule', code)))::text
  from done where state <> 'pending' group by organization_id
)
select 'sending' as what, ${SENDING_COLUMNS} from taken d join conversations c on c.id = d.conversation_id
union all select 'rung', c.id, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null from conv c where c.route
union all select 'done', d.id, null, null, d.conversation_id, null, null, null, null, null, null, null, null, null, null, null, null, null from done d`,
} as const;

/**
 * Records what became of sent deliveries, fenced by (delivery, epoch, owner), closes the turns and events they complete, and takes the next write of each conversation.
 *
 * Returns the deliveries that this process must send now, whether any conversation has routing work, and the conversations of all that was recorded.
 */
export async function recordReceipts(
  sql: SqlRunner,
  options: { owner: string; receipts: readonly ReceiptRow[]; deliver: boolean },
): Promise<{ sending: SendingDelivery[]; rung: boolean; conversations: Set<string> }> {
  const rows = await sql.query<SendingDelivery & { what: "sending" | "rung" | "done" }>(RECEIPTS, [
    options.owner,
    JSON.stringify(options.receipts),
    options.deliver,
  ]);
  return {
    sending: rows.filter((row) => row.what === "sending"),
    rung: rows.some((row) => row.what === "rung"),
    conversations: new Set(rows.filter((row) => row.what === "done").map((row) => row.conversation_id)),
  };
}

const TAKE = {
  name: "take_deliveries",
  text: `
with due as materialized (
  select id, id as conversation_id from conversations where outbox_due_at <= now() and platform = any($3::text[]) order by outbox_due_at limit $2 for update skip locked
), none as (select null::text as id, null::text as conversation_id where false), next as materialized (
  select distinct on (d.conversation_id) d.id, d.not_before, d.conversation_id, d.sequence from deliveries d
  where d.state = 'pending' and d.conversation_id in (select id from due) order by d.conversation_id, d.sequence
), taken as (
  update deliveries d set state = 'sending', owner = $1, epoch = d.epoch + 1, attempt = d.attempt + 1, first_attempt_at = coalesce(d.first_attempt_at, now())
  from next n join conversations c on c.id = n.conversation_id
  where d.id = n.id and d.state = 'pending' and n.not_before <= now() and ${NOT_BLOCKED("none")} and ${BARRED_BY("d", "c")} is null and not ${AUDIENCE_UNSURE("d.turn_id", "c")}
  returning d.*
), cleared as (
  update conversations c set outbox_due_at = case
    when n.id is null or k.id is not null then null
    when n.not_before > now() then n.not_before
    else now() + interval '200 milliseconds' end
  from due u left join next n on n.conversation_id = u.id left join taken k on k.id = n.id where c.id = u.id
)
select ${SENDING_COLUMNS} from taken d join conversations c on c.id = d.conversation_id`,
} as const;

/** Marks the next write of each due outbox of these platforms as sending by `owner`, at most one per conversation, never past an earlier one that is unresolved. */
export async function takeDeliveries(
  sql: SqlRunner,
  options: { owner: string; limit: number; platforms: readonly string[] },
): Promise<SendingDelivery[]> {
  await endBarred(sql, options.platforms);
  return await sql.query<SendingDelivery>(TAKE, [options.owner, options.limit, options.platforms]);
}
