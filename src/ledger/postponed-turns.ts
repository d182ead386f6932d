import type { SqlRunner } from "./connection/database.ts";
import type { TurnFence } from "./turn-sources.ts";

/** Whether a queued turn waits for an agent that could not be reached, or behind one that does. SQL text. */
export const IS_POSTPONED = (turn: string): string => `exists (
  select 1 from turns po where po.reply_conversation_id = ${turn}.reply_conversation_id and po.agent_id = ${turn}.agent_id and po.finished_at is null
    and po.state in ('queued', 'running') and po.retries > 0 and po.created_at > now() - interval '7 days' and po.order_no <= ${turn}.order_no)`;

/**
 * Whether a queued turn stands aside: its agent was reached and failed at it, so that others of the conversation need not wait until it is tried
 * again. SQL text.
 */
export const STANDS_ASIDE = (turn: string): string =>
  `coalesce(${turn}.state = 'queued' and ${turn}.not_before > now() and ${turn}.retries > 0 and ${turn}.state_reason <> 'AGENT_UNAVAILABLE', false)`;

/** Lets the turns of an agent that waited for it be tried now; those that it failed at keep to their pauses. */
export async function hurryPostponed(sql: SqlRunner, agentId: string): Promise<void> {
  await sql.query(
    {
      name: "hurry_postponed",
      text: `with due as (
          update turns set not_before = now() where agent_id = $1 and state = 'queued' and finished_at is null and retries > 0 and not_before > now()
            and state_reason = 'AGENT_UNAVAILABLE' returning reply_conversation_id
        )
        update conversations c set due_at = now(), rings = c.rings + 1 where c.id in (select reply_conversation_id from due)`,
    },
    [agentId],
  );
}

/** What people are told while a turn waits: a write of its conversation's outbox that is no part of the reply. */
export interface WaitingNotice {
  readonly id: string;
  readonly body: unknown;
  readonly fallback: string;
}

/** Below the ordinals of a reply's own writes, so that it is no answer. */
const NOTICE_ORDINAL = -1;

/**
 * Puts a running turn back into its queue for another attempt, its deadline moved along; false when it was taken over or cancelled meanwhile.
 *
 * The notice is posted once for a turn, however often it waits.
 */
export async function postponeTurn(
  sql: SqlRunner,
  turn: {
    readonly fence: TurnFence;
    readonly waitMs: number;
    readonly reason: string;
    readonly notice: WaitingNotice | undefined;
  },
): Promise<boolean> {
  const { fence, waitMs, reason, notice } = turn;
  const rows = await sql.query(
    {
      name: "postpone_turn",
      text: `with back as (
          update turns set state = 'queued', owner = null, attempt = attempt + 1, retries = retries + 1, state_reason = $5, not_before = now() + $4 * interval '1 millisecond',
            deadline_at = greatest(deadline_at, now() + $4 * interval '1 millisecond' + interval '10 seconds')
          where id = $1 and epoch = $2 and owner = $3 and state = 'running' and cancel_requested is null
          returning id, agent_id, asker_id, reply_conversation_id, organization_id, event_id, not_before
        ), note as (
          insert into journal (organization_id, event_id, turn_id, verb, outcome, rule, detail)
          select organization_id, event_id, $1, 'invoke', 'retry', $5, jsonb_build_object('waitMs', $4::bigint) from back
        ), told as (
          insert into deliveries (id, organization_id, turn_id, agent_id, conversation_id, ordinal, body, fallback_text, idempotency_key, asker_id, state)
          select $6::text, organization_id, id, agent_id, reply_conversation_id, ${NOTICE_ORDINAL}, $7::jsonb, $8::text, id || ':waiting', asker_id, 'pending' from back where $6::text is not null
          on conflict do nothing returning conversation_id
        )
        update conversations c set due_at = least(coalesce(c.due_at, b.not_before), b.not_before), rings = c.rings + 1,
          outbox_due_at = case when exists (select 1 from told) then now() else c.outbox_due_at end
        from back b where c.id = b.reply_conversation_id returning c.id`,
    },
    [
      fence.turnId,
      fence.epoch,
      fence.owner,
      waitMs,
      reason,
      notice?.id ?? null,
      notice === undefined ? null : JSON.stringify(notice.body),
      notice?.fallback ?? null,
    ],
  );
  return rows.length > 0;
}
