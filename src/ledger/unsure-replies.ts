import { appendAudit } from "./audit-log.ts";
import type { SqlRunner } from "./connection/database.ts";
import { AUDIENCE_UNSURE } from "./sendable.ts";
import { SOURCES_COLUMN, type TurnSource } from "./turn-sources.ts";
import { type NewWithheld, storeWithheld, WITHHELD } from "./withheld-replies.ts";

/** A turn with writes that wait until their audience was checked again. */
export interface UnsureTurn {
  readonly id: string;
  readonly organization_id: string;
  readonly agent_id: string;
  readonly conversation_id: string;
  readonly installation_id: string;
  readonly platform: string;
  readonly path: unknown;
  readonly sources: readonly TurnSource[] | null;
  /** Since its oldest such write was stored, in ms. */
  readonly age_ms: number;
}

/** Turns whose writes are due on these platforms and may be read by others by now than when they were checked. */
export async function listUnsureTurns(sql: SqlRunner, platforms: readonly string[]): Promise<readonly UnsureTurn[]> {
  return await sql.query<UnsureTurn>(
    {
      name: "list_unsure_turns",
      text: `with due as materialized (
          select d.turn_id, c.id, min(d.created_at) as since from conversations c join deliveries d on d.conversation_id = c.id and d.state = 'pending' and d.not_before <= now()
          where c.outbox_due_at <= now() + interval '1 second' and c.platform = any($1::text[]) and d.turn_id is not null group by d.turn_id, c.id limit 200
        )
        select t.id, t.organization_id, t.agent_id, c.id as conversation_id, c.installation_id, c.platform, c.path, ${SOURCES_COLUMN},
          (extract(epoch from now() - u.since) * 1000)::float8 as age_ms
        from due u join conversations c on c.id = u.id join turns t on t.id = u.turn_id
        where ${AUDIENCE_UNSURE("t.id", "c")} limit 20`,
    },
    [platforms],
  );
}

/** The outbox of a conversation rests for so long, so that its audience is not asked about without pause. */
export async function restOutbox(sql: SqlRunner, conversationId: string, pauseMs: number): Promise<void> {
  await sql.query(
    {
      name: "rest_outbox",
      text: "update conversations set outbox_due_at = now() + $2 * interval '1 millisecond' where id = $1 and outbox_due_at is not null",
    },
    [conversationId, pauseMs],
  );
}

/** What is told in the place of a reply that may not be sent any more. */
export interface LateNotice {
  readonly id: string;
  readonly body: unknown;
  readonly fallback: string;
  readonly part: unknown;
}

/** Ordinal of a notice that comes after what was sent already; below those of tools. */
const NOTICE_ORDINAL = 9_000;

/**
 * Puts a notice in the place of all that a turn has not sent yet, in a transaction; false when nothing of it waits any more. A turn that still runs only loses
 * what it has written by its tools: its reply is weighed at its end.
 */
export async function withholdUnsent(tx: SqlRunner, withheld: NewWithheld, notice: LateNotice): Promise<boolean> {
  const { turnId } = withheld;
  const [turn] = await tx.query<{ state: string }>({ text: "select state from turns where id = $1 for update" }, [
    turnId,
  ]);
  const rule = "audience_changed";
  const unsent = await tx.query<{ id: string }>(
    {
      text: "update deliveries set state = 'cancelled', reason = $2, owner = null where turn_id = $1 and state = 'pending' returning id",
    },
    [turnId, rule],
  );
  if (turn === undefined || unsent.length === 0) return false;
  await appendAudit(
    tx,
    withheld.organizationId,
    unsent.map(({ id }) => ({ what: "delivery" as const, delivery: id, turn: turnId, outcome: "cancelled", rule })),
  );
  if (turn.state !== "delivering") return true;
  await tx.query(
    {
      // What other agents would have been told of it goes with it.
      text: "update turns set state_reason = $2, follow_up = null, reply = jsonb_build_object('parts', jsonb_build_array($3::jsonb)) where id = $1",
    },
    [turnId, WITHHELD, JSON.stringify(notice.part)],
  );
  await tx.query(
    {
      text: `insert into deliveries (id, organization_id, turn_id, agent_id, conversation_id, ordinal, body, fallback_text, idempotency_key, asker_id, state, message_id)
        select $2, t.organization_id, t.id, t.agent_id, t.reply_conversation_id, ${NOTICE_ORDINAL}, $3::jsonb, $4, t.id || ':audience', t.asker_id, 'pending',
          (select d.message_id from deliveries d where d.turn_id = t.id and d.ordinal = 0 and d.preview and d.state = 'cancelled')
        from turns t where t.id = $1 on conflict do nothing`,
    },
    [turnId, notice.id, JSON.stringify(notice.body), notice.fallback],
  );
  await tx.query({ text: "update conversations set outbox_due_at = now() where id = $1" }, [withheld.conversationId]);
  await storeWithheld(tx, withheld);
  return true;
}
