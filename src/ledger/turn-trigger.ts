import type { SqlRunner } from "./connection/database.ts";

/** The envelope of the event that a turn answers; undefined when there is none any more. */
export async function readTrigger(sql: SqlRunner, turnId: string): Promise<unknown> {
  const [row] = await sql.query<{ envelope: unknown }>(
    { name: "read_trigger", text: "select e.envelope from turns t join events e on e.id = t.event_id where t.id = $1" },
    [turnId],
  );
  return row?.envelope;
}
