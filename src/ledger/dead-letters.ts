import type { DeadLetterView } from "../contracts/operations.ts";
import { toSafeText } from "../envelope/content.ts";
import type { SqlRunner } from "./connection/database.ts";

export interface NewDeadLetter {
  readonly id: string;
  readonly organizationId: string;
  readonly stage: DeadLetterView["stage"];
  readonly code: string;
  readonly reason: string;
  readonly dedupeKey: string;
  readonly eventId?: string;
  readonly raw?: string;
}

/** Stores one dead letter under its dedupe key; the same fault twice is one row, and no text of it is refused by the database. */
export async function insertDeadLetter(sql: SqlRunner, letter: NewDeadLetter): Promise<void> {
  await sql.query(
    {
      name: "insert_dead_letter",
      text: `insert into dead_letters (id, organization_id, stage, code, reason, dedupe_key, event_id, raw) values ($1, $2, $3, $4, $5, $6, $7, $8)
        on conflict (dedupe_key) do nothing`,
    },
    [
      letter.id,
      letter.organizationId,
      letter.stage,
      letter.code,
      toSafeText(letter.reason),
      toSafeText(letter.dedupeKey),
      letter.eventId ?? null,
      letter.raw === undefined ? null : toSafeText(letter.raw),
    ],
  );
}

/** Stores that an event could not be routed, once per event. */
export async function insertDeadLetterOfEvent(
  sql: SqlRunner,
  letter: { id: string; eventId: string; code: string; reason: string },
): Promise<void> {
  await sql.query(
    {
      text: `insert into dead_letters (id, organization_id, stage, code, reason, dedupe_key, event_id, conversation_id)
        select $1, organization_id, 'route', $3, $4, 'event:' || id, id, conversation_id from events where id = $2
        on conflict (dedupe_key) do update set state = 'open', code = excluded.code, reason = excluded.reason, resolved_at = null`,
    },
    [letter.id, letter.eventId, letter.code, letter.reason],
  );
}

interface DeadLetterRecord {
  readonly id: string;
  readonly stage: DeadLetterView["stage"];
  readonly code: string;
  readonly reason: string;
  readonly state: DeadLetterView["state"];
  readonly event_id: string | null;
  readonly turn_id: string | null;
  readonly delivery_id: string | null;
  readonly conversation_id: string | null;
  readonly created_at: Date;
  readonly raw: string | null;
}

const COLUMNS = "id, stage, code, reason, state, event_id, turn_id, delivery_id, conversation_id, created_at";

export async function listDeadLetters(
  sql: SqlRunner,
  organizationId: string,
  which: { readonly state: DeadLetterView["state"]; readonly limit: number; readonly code: string | undefined },
): Promise<DeadLetterView[]> {
  const rows = await sql.query<DeadLetterRecord>(
    {
      text: `select ${COLUMNS}, null as raw from dead_letters where organization_id = $1 and state = $2 and ($4::text is null or code = $4) order by created_at desc limit $3`,
    },
    [organizationId, which.state, which.limit, which.code ?? null],
  );
  return rows.map(toView);
}

export async function findDeadLetter(
  sql: SqlRunner,
  organizationId: string,
  id: string,
): Promise<(DeadLetterView & { raw?: string }) | undefined> {
  const [row] = await sql.query<DeadLetterRecord>(
    { text: `select ${COLUMNS}, raw from dead_letters where organization_id = $1 and id = $2` },
    [organizationId, id],
  );
  return row === undefined ? undefined : { ...toView(row), ...(row.raw === null ? {} : { raw: row.raw }) };
}

/** Moves an open dead letter to its end; false when it was not open any more, so that two replays cannot both win. */
export async function resolveDeadLetter(
  sql: SqlRunner,
  organizationId: string,
  id: string,
  state: "replayed" | "discarded",
): Promise<boolean> {
  const rows = await sql.query(
    {
      text: "update dead_letters set state = $3, resolved_at = now() where organization_id = $1 and id = $2 and state = 'open' returning id",
    },
    [organizationId, id, state],
  );
  return rows.length > 0;
}

function toView(row: DeadLetterRecord): DeadLetterView {
  return {
    id: row.id,
    stage: row.stage,
    code: row.code,
    reason: row.reason,
    state: row.state,
    ...(row.event_id === null ? {} : { eventId: row.event_id }),
    ...(row.turn_id === null ? {} : { turnId: row.turn_id }),
    ...(row.delivery_id === null ? {} : { deliveryId: row.delivery_id }),
    ...(row.conversation_id === null ? {} : { conversationId: row.conversation_id }),
    createdAt: row.created_at.toISOString(),
  };
}
