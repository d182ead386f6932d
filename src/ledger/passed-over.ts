import type { SqlRunner } from "./connection/database.ts";

/**
 * Agents that would have had a question if another one had not been given it; the one whose turn in the conversation is newest comes first.
 *
 * None when the turn that had it has said something already, in words, a file or a question to people.
 */
export async function agentsPassedOver(
  sql: SqlRunner,
  turn: { readonly turnId: string; readonly eventId: string; readonly replyConversationId: string },
): Promise<readonly string[]> {
  const rows = await sql.query<{ agent_id: string }>(
    {
      name: "agents_passed_over",
      text: `select d.value->>'agent' as agent_id
        from events e cross join jsonb_array_elements(e.decisions) with ordinality r(value, n)
          cross join jsonb_array_elements(r.value->'agents') with ordinality d(value, n)
        where e.id = $1 and d.value->>'rule' = 'another_agent_answers' and not exists (select 1 from deliveries where turn_id = $2)
        order by (select max(t.created_at) from turns t where t.reply_conversation_id = $3 and t.agent_id = d.value->>'agent') desc nulls last, r.n, d.n
        limit 20`,
    },
    [turn.eventId, turn.turnId, turn.replyConversationId],
  );
  return rows.map((row) => row.agent_id);
}
