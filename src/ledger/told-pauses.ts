import type { SqlRunner } from "./connection/database.ts";

/** Pauses remembered of one conversation; far more than one has agents. */
const MAX_TOLD = 100;

/**
 * Claims that a pause is told in a conversation: true once per entry, whichever processes ask. The oldest of more than 100 entries are forgotten.
 * An entry names the agent, its pause and, where people are told alone, the person.
 */
export async function claimToldPause(sql: SqlRunner, conversationId: string, entry: string): Promise<boolean> {
  const rows = await sql.query(
    {
      name: "claim_told_pause",
      text: `update conversations set told_pauses = (coalesce(told_pauses, '{}') || $2::text)[greatest(1, coalesce(cardinality(told_pauses), 0) + 2 - ${MAX_TOLD}):]
        where id = $1 and not ($2::text = any (coalesce(told_pauses, '{}'))) returning id`,
    },
    [conversationId, entry],
  );
  return rows.length > 0;
}
