import type { SqlRunner } from "./connection/database.ts";
import { BARRED_BY } from "./sendable.ts";

/** Marks the opening of a turn's live preview as sending, fenced by the turn; false when the turn is not ours any more or earlier writes of the conversation are still open. */
export async function beginPreview(
  sql: SqlRunner,
  preview: { id: string; turn: string; epoch: number; owner: string; key: string; text: string },
): Promise<boolean> {
  const rows = await sql.query(
    {
      name: "begin_preview",
      text: `insert into deliveries (id, organization_id, turn_id, agent_id, conversation_id, ordinal, body, fallback_text, idempotency_key, asker_id, preview, final, state, owner, attempt, first_attempt_at)
        select $1, t.organization_id, t.id, t.agent_id, t.reply_conversation_id, 0, 'null'::jsonb, $6, $5, t.asker_id, true, false, 'sending', $4, 1, now()
        from turns t join conversations c on c.id = t.reply_conversation_id where t.id = $2 and t.epoch = $3 and t.owner = $4 and t.state = 'running' and t.cancel_requested is null
          and ${BARRED_BY("t", "c", "t.access_epoch", "false")} is null
          and not exists (select 1 from deliveries o where o.conversation_id = t.reply_conversation_id and (o.state = 'pending' or (o.state in ('sending', 'unknown') and o.message_id is null)))
        returning id`,
    },
    [preview.id, preview.turn, preview.epoch, preview.owner, preview.key, preview.text],
  );
  return rows.length > 0;
}

export interface PreviewRecord {
  readonly id: string;
  readonly owner: string;
  readonly state: "open" | "unknown" | "cancelled";
  readonly messageId: string | null;
  readonly reason: string | null;
}

/** Records what became of the opening. */
export async function recordPreview(sql: SqlRunner, preview: PreviewRecord): Promise<void> {
  await sql.query(
    {
      name: "record_preview",
      text: `update deliveries set state = case when $3 = 'open' and final then 'pending' else $3 end, message_id = $4, reason = $5, owner = null, not_before = now()
        where id = $1 and owner = $2 and state = 'sending' and preview`,
    },
    [preview.id, preview.owner, preview.state, preview.messageId, preview.reason],
  );
}
