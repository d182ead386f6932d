import type { SqlRunner } from "./connection/database.ts";

/** Turns that are queued still, and whether something is at work that they wait for. */
export interface QueuedTurn {
  readonly id: string;
  readonly waits: boolean;
}

/**
 * Makes the conversations due of those of these queued turns that wait for nothing any more.
 *
 * Routing queues a turn behind one that it sees at work, and the end of that one rings only for what it sees queued: where both commit at once,
 * neither sees the other. Returns those that are queued still; what is missing was started or ended by somebody.
 */
export async function ringQueuedAtRest(sql: SqlRunner, turnIds: readonly string[]): Promise<QueuedTurn[]> {
  return await sql.query<QueuedTurn>(
    {
      name: "ring_queued_at_rest",
      text: `with queued as materialized (
        select t.id, t.reply_conversation_id, exists (
          select 1 from turns x where x.reply_conversation_id = t.reply_conversation_id and x.agent_id = t.agent_id and x.is_active) as waits
        from turns t where t.id = any($1::text[]) and t.state = 'queued'
      ), rung as (
        update conversations c set due_at = now(), rings = c.rings + 1
        where c.id in (select reply_conversation_id from queued where not waits) and c.due_at is null
      )
      select id, waits from queued`,
    },
    [turnIds],
  );
}
