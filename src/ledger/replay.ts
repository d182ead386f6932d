import type { SqlRunner } from "./connection/database.ts";

/** True while the question of turn `t` stands and its agents' identity is in the channel: what is replayed is judged by what holds today. */
const STILL_WANTED = (conversation: string, message: string): string => `not exists (
    select 1 from conversations c join channels h on h.installation_id = c.installation_id and h.channel_id = c.channel_id
    where c.id = ${conversation} and (h.archived or h.self_member = false))
  and not exists (
    select 1 from conversations c join messages m on m.installation_id = c.installation_id and m.channel_id = c.channel_id
    where c.id = ${conversation} and m.message_id = ${message} and m.deleted_at is not null)`;

/** The membership epoch of a conversation's channel as it is now. */
const EPOCH_NOW = (conversation: string): string => `coalesce((select h.membership_epoch from conversations c
  join channels h on h.installation_id = c.installation_id and h.channel_id = c.channel_id where c.id = ${conversation}), 0)`;

/**
 * Puts a failed turn back into its queue under the same id, for one more round of attempts; false when it cannot run any more, its question was
 * deleted, or the installation is no longer in the channel.
 */
export async function replayTurn(sql: SqlRunner, turnId: string, timeoutMs: number): Promise<boolean> {
  const rows = await sql.query(
    {
      text: `with back as (
          update turns set state = 'queued', state_reason = 'replayed', outcome = 'answered', owner = null, epoch = epoch + 1, attempt = 1, cancel_requested = null, finished_at = null, access_epoch = ${EPOCH_NOW("turns.reply_conversation_id")},
            created_at = now(), not_before = now(), deadline_at = now() + $2 * interval '1 millisecond'
          where id = $1 and state = 'dead_lettered' and ${STILL_WANTED("turns.reply_conversation_id", "turns.trigger_message_id")}
          returning event_id, reply_conversation_id, id
        ), old as (
          update deliveries d set ordinal = -1 - d.ordinal - d.attempt * 1000, idempotency_key = d.idempotency_key || ':replaced:' || d.id,
            state = case when d.state = 'parked' then 'cancelled' else d.state end from back b
            where d.turn_id = b.id and d.ordinal >= 0 and d.state in ('delivered', 'rejected', 'cancelled', 'parked')
        ), ev as (
          update events e set open_turns = e.open_turns + 1, state = 'routed', state_reason = 'replayed', finished_at = null from back b where e.id = b.event_id
        )
        update conversations c set due_at = now(), rings = c.rings + 1 from back b where c.id = b.reply_conversation_id returning c.id`,
    },
    [turnId, timeoutMs],
  );
  return rows.length > 0;
}

/** Puts an event that could not be routed back to be routed; false when it is not one of those. */
export async function replayEvent(sql: SqlRunner, eventId: string): Promise<boolean> {
  const rows = await sql.query(
    {
      text: `with back as (
          update events set state = 'pending', state_reason = 'replayed', finished_at = null, not_before = now()
          where id = $1 and state = 'dead_lettered' and open_turns = 0 and not exists (select 1 from turns t where t.event_id = $1) returning conversation_id
        )
        update conversations c set due_at = now(), rings = c.rings + 1 from back b where c.id = b.conversation_id returning c.id`,
    },
    [eventId],
  );
  return rows.length > 0;
}

/** Makes a rejected or parked delivery due again under its own key, as `replayTurn`. A parked one is looked for on the platform first, never sent blindly. */
export async function replayDelivery(sql: SqlRunner, deliveryId: string): Promise<boolean> {
  const rows = await sql.query(
    {
      text: `with back as (
          update deliveries set state = case when state = 'parked' then 'unknown' else 'pending' end, owner = null, not_before = now(), absences = 0,
            first_attempt_at = case when state = 'parked' then now() - interval '1 minute' else null end, attempt = 0, code = null, reason = 'replayed'
          where id = $1 and state in ('rejected', 'parked')
            and ${STILL_WANTED("deliveries.conversation_id", "(select t.trigger_message_id from turns t where t.id = deliveries.turn_id)")}
          returning conversation_id, turn_id
        ), admitted as (
          -- Judged by what holds today, it is sent under today's membership.
          update turns t set access_epoch = ${EPOCH_NOW("t.reply_conversation_id")} from back b where t.id = b.turn_id
            and not (t.finished_at is not null and not exists (select 1 from turns x where x.reply_conversation_id = t.reply_conversation_id and x.agent_id = t.agent_id and x.is_active))
        ), turn as (
          update turns t set state = 'delivering', finished_at = null, access_epoch = ${EPOCH_NOW("t.reply_conversation_id")} from back b
          where t.id = b.turn_id and t.finished_at is not null
            and not exists (select 1 from turns x where x.reply_conversation_id = t.reply_conversation_id and x.agent_id = t.agent_id and x.is_active)
          returning t.event_id
        ), ev as (
          update events e set open_turns = e.open_turns + 1, state = 'routed', finished_at = null from turn x where e.id = x.event_id
        )
        update conversations c set outbox_due_at = now() from back b where c.id = b.conversation_id returning c.id`,
    },
    [deliveryId],
  );
  return rows.length > 0;
}

/** Inserts a write that belongs to no turn; false when its key is known, which makes a repeated request one post. */
export async function insertDelivery(
  sql: SqlRunner,
  delivery: {
    id: string;
    organizationId: string;
    agentId: string;
    conversationId: string;
    ordinal: number;
    body: unknown;
    fallbackText: string;
    key: string;
  },
): Promise<boolean> {
  const rows = await sql.query(
    {
      text: `with added as (
          insert into deliveries (id, organization_id, agent_id, conversation_id, ordinal, body, fallback_text, idempotency_key, state)
          values ($1, $2, $3, $4, $5, $6::jsonb, $7, $8, 'pending') on conflict do nothing returning conversation_id
        )
        update conversations c set outbox_due_at = now() from added a where c.id = a.conversation_id returning c.id`,
    },
    [
      delivery.id,
      delivery.organizationId,
      delivery.agentId,
      delivery.conversationId,
      delivery.ordinal,
      JSON.stringify(delivery.body),
      delivery.fallbackText,
      delivery.key,
    ],
  );
  return rows.length > 0;
}

/** Makes sure that a conversation has its row. */
export async function ensureConversation(
  sql: SqlRunner,
  conversation: {
    id: string;
    organizationId: string;
    installationId: string;
    platform: string;
    channelId: string;
    threadId: string | null;
    path: unknown;
  },
): Promise<void> {
  await sql.query(
    {
      text: `insert into conversations (id, organization_id, installation_id, platform, channel_id, thread_id, path) values ($1, $2, $3, $4, $5, $6, $7::jsonb) on conflict (id) do nothing`,
    },
    [
      conversation.id,
      conversation.organizationId,
      conversation.installationId,
      conversation.platform,
      conversation.channelId,
      conversation.threadId,
      JSON.stringify(conversation.path),
    ],
  );
}

/** Ends the open turns of a conversation for a person who said stop: queued ones at once, running ones through their owner. */
export async function stopConversation(
  sql: SqlRunner,
  organizationId: string,
  conversationId: string,
  reason: string,
): Promise<string[]> {
  const rows = await sql.query<{ id: string }>(
    {
      text: `with stopped as (
          update turns set cancel_requested = 'cancelled:' || $3,
            state = case when state in ('queued', 'waiting') then 'cancelled' else state end,
            state_reason = case when state in ('queued', 'waiting') then $3 else state_reason end,
            finished_at = case when state in ('queued', 'waiting') then now() end
          where organization_id = $1 and (reply_conversation_id = $2 or conversation_id = $2) and finished_at is null and state <> 'delivering'
          returning id, event_id, finished_at
        ), ev as (
          update events e set open_turns = e.open_turns - x.n, state = case when e.open_turns - x.n > 0 then e.state else 'cancelled' end,
            state_reason = $3, finished_at = case when e.open_turns - x.n > 0 then null else now() end
          from (select event_id, count(*)::int as n from stopped where finished_at is not null group by event_id) x where e.id = x.event_id
        )
        select id from stopped`,
    },
    [organizationId, conversationId, reason],
  );
  return rows.map((row) => row.id);
}
