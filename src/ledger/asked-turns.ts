import type { SqlRunner } from "./connection/database.ts";

/** What became of a question that one agent put to another. */
export interface AskedTurn {
  readonly event_state: string;
  readonly event_reason: string | null;
  /** Rules by which agents got a turn for it or did not, by agent. */
  readonly decisions:
    | readonly { readonly agents: readonly { agent: string; verdict: string; rule: string }[] }[]
    | null;
  readonly turn_id: string | null;
  readonly state: string | null;
  readonly state_reason: string | null;
  readonly reply: unknown;
}

export async function readAskedTurn(
  sql: SqlRunner,
  asked: { readonly eventId: string; readonly agentId: string },
): Promise<AskedTurn | undefined> {
  const [row] = await sql.query<AskedTurn>(
    {
      name: "read_asked_turn",
      text: `select e.state as event_state, e.state_reason as event_reason, e.decisions, t.id as turn_id, t.state, t.state_reason, t.reply
        from events e left join turns t on t.event_id = e.id and t.agent_id = $2 where e.id = $1`,
    },
    [asked.eventId, asked.agentId],
  );
  return row;
}

/** Whether an agent is at work in a conversation because of the same first message, and so may be waiting for whoever asks it now. */
export async function isWaitingThere(
  sql: SqlRunner,
  where: { readonly agentId: string; readonly conversationId: string; readonly rootEventId: string },
): Promise<boolean> {
  const rows = await sql.query(
    {
      name: "is_waiting_there",
      text: `select 1 from turns where reply_conversation_id = $1 and agent_id = $2 and root_event_id = $3 and finished_at is null
        and state in ('running', 'waiting') limit 1`,
    },
    [where.conversationId, where.agentId, where.rootEventId],
  );
  return rows.length > 0;
}
