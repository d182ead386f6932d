import type { SqlRunner } from "./connection/database.ts";
import { ONE_BY_ONE } from "./one-by-one.ts";
import { AUDIENCE_UNSURE, BARRED_BY } from "./sendable.ts";

/** Ordinals of the reply's own writes, and of what is released later, lie below those of what a turn posts by its tools. */
export const TOOL_ORDINAL = 10_000;

import { ADD_SPENT, type SpentRow } from "./usage-totals.ts";

/** The end of one turn: what it becomes, and the platform writes that carry its reply. */
export interface TurnEndRow {
  readonly id: string;
  readonly epoch: number;
  /** What the turn is once its deliveries are done. */
  readonly outcome: "answered" | "dead_lettered" | "cancelled" | "superseded";
  readonly reason: string | null;
  readonly reply: unknown;
  readonly usage: unknown;
  readonly follow_up: unknown;
  readonly posts: number;
  /** Events that were steered into this turn and reached it. */
  readonly consumed: readonly string[];
  /** Ids of the messages that it was given, oldest first. */
  readonly context: readonly string[];
  /** Keyed digest of its text, for the audit log; null when it says nothing. */
  readonly digest: string | null;
  /** What it adds to the totals of the day; null for nothing. */
  readonly spent: readonly SpentRow[] | null;
}

export interface NewDeliveryRow {
  readonly id: string;
  readonly turn: string;
  readonly ord: number;
  readonly body: unknown;
  readonly fallback: string;
  readonly key: string;
  /** The question to people that it shows. */
  readonly request: string | null;
}

/** A question to people at the end of a turn. */
export interface NewRequestRow {
  readonly id: string;
  readonly turn: string;
  readonly action: string;
  readonly kind: "approval" | "input";
  readonly part: unknown;
  /** Keyed digest of what it is about. */
  readonly binding: string;
  readonly expires_ms: number;
}

export interface NewDeadLetterRow {
  readonly id: string;
  readonly turn: string;
  readonly stage: string;
  readonly code: string;
  readonly reason: string;
}

/** A delivery that this process has marked as sending and must now send. */
export interface SendingDelivery {
  readonly id: string;
  readonly turn_id: string | null;
  readonly agent_id: string;
  readonly conversation_id: string;
  readonly organization_id: string;
  readonly installation_id: string;
  readonly platform: string;
  readonly path: unknown;
  readonly body: unknown;
  readonly fallback_text: string;
  readonly idempotency_key: string;
  readonly asker_id: string | null;
  readonly epoch: number;
  readonly attempt: number;
  readonly preview: boolean;
  readonly message_id: string | null;
  readonly first_attempt_at: Date;
}

export const SENDING_COLUMNS = `d.id, d.turn_id, d.agent_id, d.conversation_id, d.organization_id, c.installation_id, c.platform, c.path, d.body, d.fallback_text,
  d.idempotency_key, d.asker_id, d.epoch, d.attempt, d.preview, d.message_id, d.first_attempt_at`;

const COMMIT = {
  name: "commit_replies",
  text: `
with ended as materialized (
  update turns t set
    state = case when i.posts > 0 then 'delivering' else i.outcome end, outcome = i.outcome, state_reason = i.reason,
    reply = i.reply, usage = i.usage, follow_up = i.follow_up, replied_at = now(), finished_at = case when i.posts > 0 then null else now() end
  from jsonb_to_recordset($2::jsonb) as i(id text, epoch int, outcome text, reason text, reply jsonb, usage jsonb, follow_up jsonb, posts int, consumed jsonb, context jsonb, digest text, spent jsonb)
  where ${ONE_BY_ONE("i.id")} and t.id = i.id and t.epoch = i.epoch and t.owner = $1 and t.state = 'running' and (t.cancel_requested is null or i.outcome <> 'answered')
  returning t.id, t.organization_id, t.agent_id, t.reply_conversation_id, t.event_id, t.asker_id, t.state, t.state_reason, t.access_epoch, t.outcome, i.consumed, i.context, i.digest, i.spent
), post as materialized (
  select d.*, e.organization_id, e.agent_id, e.reply_conversation_id, e.asker_id, e.access_epoch
  from jsonb_to_recordset($3::jsonb) as d(id text, turn text, ord int, body jsonb, fallback text, key text, request text) join ended e on e.id = d.turn
), blocked as materialized (
  select distinct p.reply_conversation_id as id from post p where exists (
    select 1 from deliveries o where o.conversation_id = p.reply_conversation_id and o.state in ('pending', 'sending', 'unknown') and (o.state = 'pending' or (o.state in ('sending', 'unknown') and o.message_id is null))
      -- A question of the turn itself that is still on its way comes before what the turn says at its end.
      and (o.turn_id is distinct from p.turn or o.ordinal < 0 or o.ordinal >= ${TOOL_ORDINAL}))
), barred as materialized (
  select distinct p.turn as id, p.reply_conversation_id from post p join conversations c on c.id = p.reply_conversation_id
  where ${BARRED_BY("p", "c", "p.access_epoch", "false")} is not null or ${AUDIENCE_UNSURE("p.turn", "c")}
), preview as (
  update deliveries d set body = p.body, fallback_text = p.fallback, request_id = p.request, final = true,
    state = case d.state when 'open' then case when $5::boolean and p.turn not in (select id from barred) then 'sending' else 'pending' end when 'sending' then 'unknown' else d.state end,
    owner = case when d.state = 'open' and $5::boolean and p.turn not in (select id from barred) then $1 end, not_before = now(), epoch = d.epoch + 1, attempt = d.attempt + 1
  from post p where d.turn_id = p.turn and d.ordinal = p.ord and d.preview and not d.final and d.state in ('open', 'unknown', 'sending', 'pending')
  returning d.*
), dropped_preview as (
  update deliveries d set state = 'cancelled', reason = 'the turn ended without a text' from ended e
  where d.turn_id = e.id and d.preview and not d.final and not exists (select 1 from post p where p.turn = d.turn_id and p.ord = d.ordinal)
), inserted as (
  insert into deliveries (id, organization_id, turn_id, agent_id, conversation_id, ordinal, body, fallback_text, idempotency_key, asker_id, request_id, state, owner, attempt, first_attempt_at)
  select p.id, p.organization_id, p.turn, p.agent_id, p.reply_conversation_id, p.ord, p.body, p.fallback, p.key, p.asker_id, p.request,
    s.state, case s.state when 'sending' then $1 end, case s.state when 'sending' then 1 else 0 end, case s.state when 'sending' then now() end
  from post p cross join lateral (
    select case when $5::boolean and p.ord = 0 and not exists (select 1 from blocked b where b.id = p.reply_conversation_id)
      -- What several turns of one batch say in one conversation comes one answer after another.
      and not exists (select 1 from post q where q.reply_conversation_id = p.reply_conversation_id and q.turn < p.turn)
      and p.turn not in (select id from barred) then 'sending' else 'pending' end as state) s
  where not exists (select 1 from deliveries o where o.turn_id = p.turn and o.ordinal = p.ord and o.preview and not o.final
    and o.state in ('open', 'unknown', 'sending', 'pending'))
  order by p.turn, p.ord
  on conflict do nothing
  returning *
), asked as (
  insert into requests (id, organization_id, agent_id, turn_id, conversation_id, action_id, kind, part, binding, live, asker_id, expires_at)
  select q.id, e.organization_id, e.agent_id, e.id, e.reply_conversation_id, q.action, q.kind, q.part, q.binding, false, e.asker_id, now() + q.expires_ms * interval '1 millisecond'
  from jsonb_to_recordset($6::jsonb) as q(id text, turn text, action text, kind text, part jsonb, binding text, expires_ms bigint) join ended e on e.id = q.turn
  returning *
), dead as (
  insert into dead_letters (id, organization_id, stage, code, reason, dedupe_key, event_id, turn_id, conversation_id)
  select l.id, e.organization_id, l.stage, l.code, l.reason, 'turn:' || l.turn, e.event_id, l.turn, e.reply_conversation_id
  from jsonb_to_recordset($4::jsonb) as l(id text, turn text, stage text, code text, reason text) join ended e on e.id = l.turn
  on conflict (dedupe_key) do update set state = 'open', code = excluded.code, reason = excluded.reason, resolved_at = null
), ev as (
  update events e set open_turns = e.open_turns - x.n,
    state = case when e.open_turns - x.n > 0 then e.state when x.answered or exists (select 1 from turns t where t.event_id = e.id and t.state = 'answered') then 'answered' else x.state end,
    state_reason = case when e.open_turns - x.n > 0 then e.state_reason else x.reason end,
    finished_at = case when e.open_turns - x.n > 0 then null else now() end
  from (select event_id, count(*)::int as n, bool_or(state = 'answered') as answered, min(state) as state, min(state_reason) as reason from ended where state <> 'delivering' group by event_id) x
  where e.id = x.event_id
), consumed as (
  update events e set state = 'answered', state_reason = 'steered into a running turn', finished_at = now()
  from ended x where e.steered_turn_id = x.id and e.state = 'steering' and x.consumed ? e.id
), unconsumed as (
  update events e set state = 'pending', steered_turn_id = null from ended x where e.steered_turn_id = x.id and e.state = 'steering' and not x.consumed ? e.id
  returning e.conversation_id
), conv as (
  update conversations c set
    due_at = case when r.route then now() else c.due_at end, rings = c.rings + case when r.route then 1 else 0 end,
    outbox_due_at = case when r.outbox then now() else c.outbox_due_at end
  from (select id, bool_or(route) as route, bool_or(outbox) as outbox from (
      select conversation_id as id, true as route, false as outbox from unconsumed
      union all select id, false, true from blocked
      union all select reply_conversation_id, false, true from barred
      union all select conversation_id, false, true from inserted where not $5::boolean
      union all select conversation_id, false, true from preview where state = 'pending'
      union all select reply_conversation_id, true, false from ended e where state <> 'delivering'
        and (select true from turns q where q.reply_conversation_id = e.reply_conversation_id and q.finished_at is null and q.state = 'queued' limit 1)
    ) u group by id) r
  where c.id = r.id
), told as (
  insert into audit_log (organization_id, entries)
  select organization_id, jsonb_agg(jsonb_strip_nulls(jsonb_build_object('what', 'output', 'turn', id, 'by', agent_id, 'event', event_id, 'asker', asker_id, 'conversation', reply_conversation_id,
    'outcome', outcome, 'rule', state_reason, 'context', context, 'digest', digest)))::text
  from ended group by organization_id
  union all
  select organization_id, jsonb_agg(jsonb_build_object('what', 'approval', 'by', agent_id, 'outcome', 'asked', 'rule', 'asked_in_reply', 'turn', turn_id, 'request', id,
    'action', action_id, 'binding', binding, 'conversation', conversation_id))::text
  from asked group by organization_id
)
select e.id as ended_turn, case when e.state <> 'delivering' then e.reply_conversation_id end as ended_in, ${SENDING_COLUMNS}
from ended e
left join (select * from inserted where state = 'sending' union all select * from preview where state = 'sending') d on d.turn_id = e.id
left join conversations c on c.id = d.conversation_id`,
} as const;

/** The same where turns have spent something; all others are spared even the look. */
const COMMIT_SPENT = {
  name: "commit_replies_spent",
  text: COMMIT.text.replace("), told as (", () => `), spent as (\n  ${ADD_SPENT}\n), told as (`),
} as const;

/**
 * Commits the replies of turns together with their outbox rows, fenced by (turn, epoch, owner); the first write of each comes back as sending.
 *
 * A turn that is missing from `ended` was taken over or cancelled: nothing of it was stored and nothing may be sent. `endedIn` has the
 * conversations of those that are over with it, because they write nothing.
 * With `deliver` false (a process without the delivery role) every write is left pending for others. A preview whose opening nobody
 * recorded, or that is being read back just now, becomes of unknown outcome with its final text: the epoch shuts out what comes late.
 */
export async function commitReplies(
  sql: SqlRunner,
  commit: {
    owner: string;
    turns: readonly TurnEndRow[];
    deliveries: readonly NewDeliveryRow[];
    deadLetters: readonly NewDeadLetterRow[];
    /** Questions that turns of these ask in their replies; stored with them. */
    requests: readonly NewRequestRow[];
    deliver: boolean;
  },
): Promise<{ ended: Set<string>; endedIn: Set<string>; sending: SendingDelivery[] }> {
  const rows = await sql.query<SendingDelivery & { ended_turn: string; ended_in: string | null; id: string | null }>(
    commit.turns.some((turn) => turn.spent !== null) ? COMMIT_SPENT : COMMIT,
    [
      commit.owner,
      JSON.stringify(commit.turns),
      JSON.stringify(commit.deliveries),
      JSON.stringify(commit.deadLetters),
      commit.deliver,
      JSON.stringify(commit.requests),
    ],
  );
  const endedIn = new Set(rows.map((row) => row.ended_in).filter((id) => id !== null));
  return { ended: new Set(rows.map((row) => row.ended_turn)), endedIn, sending: rows.filter((row) => row.id !== null) };
}
