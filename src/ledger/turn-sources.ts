import type { ConversationPath } from "../envelope/conversation.ts";
import { type AuditEntry, appendAudit } from "./audit-log.ts";
import type { Database, SqlRunner } from "./connection/database.ts";
import { READERS_OF } from "./sendable.ts";

/** A conversation, apart from its own, that a turn was given messages of. */
export interface TurnSource {
  readonly installationId: string;
  readonly channelId: string;
  /** Empty for the channel itself. */
  readonly threadId: string;
  readonly path: ConversationPath;
  readonly messageIds: readonly string[];
}

/** Names a turn for as long as this worker holds it. */
export interface TurnFence {
  readonly turnId: string;
  readonly epoch: number;
  readonly owner: string;
}

/** For a `select` over turns `t`: what each was given of other conversations, as `TurnSource`s; null for nothing. */
export const SOURCES_COLUMN = `(select jsonb_agg(jsonb_build_object('installationId', s.installation_id, 'channelId', s.channel_id, 'threadId', s.thread_id,
  'messageIds', s.message_ids, 'path', (select o.path from conversations o where o.installation_id = s.installation_id and o.channel_id = s.channel_id
    and coalesce(o.thread_id, '') = s.thread_id limit 1))) from turn_sources s where s.turn_id = t.id) as sources`;

/** Locks the turn against its end until the transaction ends; false when this worker does not hold it any more or it was asked to stop. */
export async function holdTurn(tx: SqlRunner, fence: TurnFence): Promise<boolean> {
  const rows = await tx.query(
    {
      name: "hold_turn",
      text: "select id from turns where id = $1 and epoch = $2 and owner = $3 and state = 'running' and cancel_requested is null for share",
    },
    [fence.turnId, fence.epoch, fence.owner],
  );
  return rows.length > 0;
}

/** Records what a turn is about to be given, with its audit entries; false, and nothing stored, when the turn is not ours any more. */
export async function recordSources(
  database: Database,
  read: {
    readonly fence: TurnFence;
    readonly organizationId: string;
    readonly sources: readonly TurnSource[];
    readonly audit: readonly AuditEntry[];
  },
): Promise<boolean> {
  return await database.transaction(async (tx) => {
    if (!(await holdTurn(tx, read.fence))) return false;
    if (read.sources.length > 0) await storeSources(tx, read);
    await appendAudit(tx, read.organizationId, read.audit);
    return true;
  });
}

/** What was in the conversations of a check when it began. */
export async function readReaders(sql: SqlRunner, turnId: string, conversationId: string): Promise<string> {
  const [row] = await sql.query<{ readers: string }>(
    { name: "read_readers", text: `select ${READERS_OF("$1", "c")} as readers from conversations c where c.id = $2` },
    [turnId, conversationId],
  );
  return row?.readers ?? "";
}

/**
 * Notes that all readers of what a turn says may read all that it has read, by facts that were looked up `ageMs` ago; false when people came or went
 * meanwhile, so that it has to be checked again.
 */
export async function confirmSources(
  sql: SqlRunner,
  checked: {
    readonly turnId: string;
    readonly conversationId: string;
    readonly readers: string;
    readonly ageMs: number;
  },
): Promise<boolean> {
  const rows = await sql.query(
    {
      name: "confirm_sources",
      text: `update turn_sources s set checked_at = clock_timestamp() - $4 * interval '1 millisecond', checked_readers = $3
        from conversations c where s.turn_id = $1 and c.id = $2 and ${READERS_OF("$1", "c")} = $3 returning 1`,
    },
    [checked.turnId, checked.conversationId, checked.readers, checked.ageMs],
  );
  return rows.length > 0;
}

/** Nothing that the turn has still to say is made of what it has read. */
export async function needNoCheck(tx: SqlRunner, turnId: string): Promise<void> {
  await tx.query(
    { name: "need_no_check", text: "update turn_sources set checked_at = 'infinity' where turn_id = $1" },
    [turnId],
  );
}

async function storeSources(
  tx: SqlRunner,
  read: { readonly fence: TurnFence; readonly organizationId: string; readonly sources: readonly TurnSource[] },
): Promise<void> {
  await tx.query(
    {
      name: "record_sources",
      text: `insert into turn_sources as s (turn_id, organization_id, installation_id, channel_id, thread_id, message_ids)
          select $1, $2, x."installationId", x."channelId", x."threadId", x."messageIds"
          from jsonb_to_recordset($3::jsonb) as x("installationId" text, "channelId" text, "threadId" text, "messageIds" jsonb)
          order by x."installationId", x."channelId", x."threadId"
          on conflict (turn_id, installation_id, channel_id, thread_id) do update set read_at = now(), checked_at = null,
            message_ids = (select jsonb_agg(distinct e) from jsonb_array_elements(s.message_ids || excluded.message_ids) as e)`,
    },
    [read.fence.turnId, read.organizationId, JSON.stringify(read.sources)],
  );
}
