import type { SqlRunner } from "./connection/database.ts";

/** What is wanted of one conversation. */
export interface WindowQuery {
  readonly conv: string;
  readonly inst: string;
  readonly channel: string;
  readonly thread: string | null;
  /** Platform order of the newest message that is known already; null when none is. */
  readonly known: string | null;
}

export interface TranscriptRow {
  readonly message_id: string;
  readonly conversation_id: string;
  readonly sender: unknown;
  readonly content: unknown;
  readonly platform_order: string;
  readonly occurred_at: string;
  readonly revision: number;
}

/** The newest messages of a conversation: which they are in full, and of those after `known` what they say. */
export interface TranscriptWindow {
  /** Id and revision of each, newest first, as `windowEntry` writes them, one after another. */
  readonly entries: string | null;
  /** Newest first. */
  readonly rows: readonly TranscriptRow[] | null;
  /** The thread's first message, which belongs to the channel. */
  readonly root: TranscriptRow | null;
}

/** One message as `TranscriptWindow.entries` names it. */
export function windowEntry(messageId: string, revision: number): string {
  return `${messageId} ${revision}\n`;
}

const COLUMNS = "m.message_id, m.conversation_id, m.sender, m.content, m.platform_order, m.occurred_at, m.revision";

const WINDOWS = {
  name: "transcript_windows",
  text: `select w.entries, w.rows,
    case when i.thread is not null then
      (select row_to_json(x) from (select ${COLUMNS} from messages m
        where m.deleted_at is null and m.installation_id = i.inst and m.channel_id = i.channel and m.message_id = i.thread) x) end as root
  from jsonb_to_recordset($1::jsonb) as i(no int, conv text, inst text, channel text, thread text, known text)
  cross join lateral (
    select string_agg(m.message_id || ' ' || m.revision || E'\\n', '') as entries,
      json_agg(json_build_object('message_id', m.message_id, 'conversation_id', m.conversation_id, 'sender', m.sender, 'content', m.content,
        'platform_order', m.platform_order, 'occurred_at', m.occurred_at, 'revision', m.revision))
        filter (where i.known is null or m.platform_order > i.known) as rows
    from (select * from messages n where n.deleted_at is null and n.conversation_id = i.conv order by n.platform_order desc limit $2) m
  ) w order by i.no`,
} as const;

/** Reads the newest `limit` messages of conversations that are not deleted, one window per query, in order. */
export function readWindows(
  sql: SqlRunner,
  queries: readonly WindowQuery[],
  limit: number,
): Promise<TranscriptWindow[]> {
  return sql.query<TranscriptWindow>(WINDOWS, [JSON.stringify(queries.map((query, no) => ({ ...query, no }))), limit]);
}
