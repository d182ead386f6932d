import type { SqlRunner } from "./connection/database.ts";

export interface LoopCount {
  readonly actor: string;
  readonly agent_id: string;
  readonly turns: number;
}

/** Counts the turns that each actor (an agent or other bot) caused within the window, by agent. */
export function countPairTurns(sql: SqlRunner, actors: readonly string[], windowMs: number): Promise<LoopCount[]> {
  return sql.query<LoopCount>(
    {
      name: "count_pair_turns",
      text: `select trigger_actor as actor, agent_id, count(*)::int as turns from turns
        where trigger_actor = any($1::text[]) and created_at > now() - $2 * interval '1 millisecond' group by 1, 2`,
    },
    [actors, windowMs],
  );
}

/** Counts all turns that go back to each of these human messages. */
export function countRootTurns(sql: SqlRunner, roots: readonly string[]): Promise<{ root: string; turns: number }[]> {
  return sql.query(
    {
      name: "count_root_turns",
      text: `select root, count(*)::int as turns from (
          select event_id as root from turns where event_id = any($1::text[]) and trigger_actor is null
          union all select root_event_id from turns where root_event_id = any($1::text[]) and trigger_actor is not null
        ) caused group by 1`,
    },
    [roots],
  );
}
