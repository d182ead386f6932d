import type { SqlRunner } from "./connection/database.ts";

/** The envelope of the event that a turn answers; undefined when there is none any more. */
export async function readTrigger(sql: SqlRunner, turnId: string): Promise<unknown> {
  const [row] = await sql.query<{ envelope: unknown }>(
    { name: "read_trigger", text: "select e.envelope from turns t join events e on e.id = t.event_id where t.id = $1" },
    [turnId],
  );
  return row?.envelope;
}

/** The envelope of an event of an organization; undefined when there is none any more. */
export async function readEnvelope(sql: SqlRunner, organizationId: string, eventId: string): Promise<unknown> {
  const [row] = await sql.query<{ envelope: unknown }>(
    { name: "read_envelope", text: "select envelope from events where id = $1 and organization_id = $2" },
    [eventId, organizationId],
  );
  return row?.envelope;
}
