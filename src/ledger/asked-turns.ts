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

/** Whether a turn goes back to a question of this agent that it still waits to have answered. */
export async function waitsForTurn(
  sql: SqlRunner,
  asked: { readonly agentId: string; readonly turnId: string },
): Promise<boolean> {
  const rows = await sql.query(
    {
      name: "waits_for_turn",
      text: `with recursive up as (
          select t.id, t.agent_id, t.state, e.envelope->'cause'->>'turnId' as asker, 0 as steps from turns t join events e on e.id = t.event_id where t.id = $1
          union all
          select t.id, t.agent_id, t.state, e.envelope->'cause'->>'turnId', up.steps + 1
          from up join turns t on t.id = up.asker join events e on e.id = t.event_id where up.steps < 100
        )
        select 1 from up where steps > 0 and agent_id = $2 and state in ('running', 'waiting') limit 1`,
    },
    [asked.turnId, asked.agentId],
  );
  return rows.length > 0;
}
