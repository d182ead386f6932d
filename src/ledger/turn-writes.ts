import type { JsonValue } from "../contracts/json.ts";
import { type AuditEntry, appendAudit } from "./audit-log.ts";
import type { Database, SqlRunner } from "./connection/database.ts";
import { TOOL_ORDINAL } from "./replies.ts";
import { holdTurn, type TurnFence } from "./turn-sources.ts";

/** Posts that one call of a tool may come to. */
const MAX_POSTS_PER_CALL = 100;

/** What decides at this moment whether a turn may still do anything. */
export interface TurnStanding {
  readonly agent_status: string | null;
  readonly organization_status: string;
  readonly archived: boolean | null;
  /** False once the installation's identity was removed; null when the platform has not said. */
  readonly self_member: boolean | null;
  /** The membership of the channel has changed since the turn was admitted. */
  readonly membership_changed: boolean;
}

const STANDING = {
  name: "turn_standing",
  text: `select (select a.status from agents a where a.id = t.agent_id and a.removed_at is null) as agent_status, o.status as organization_status, h.archived, h.self_member,
      coalesce(h.membership_epoch, 0) <> t.access_epoch as membership_changed
    from turns t join organizations o on o.id = t.organization_id join conversations c on c.id = t.reply_conversation_id
      left join channels h on h.installation_id = c.installation_id and h.channel_id = c.channel_id
    where t.id = $1`,
} as const;

/** Records a call of a tool and reads what holds now; undefined, and nothing recorded, when the turn is over or not this worker's any more. */
export async function beginCall(
  database: Database,
  call: { readonly fence: TurnFence; readonly organizationId: string; readonly audit: AuditEntry },
): Promise<TurnStanding | undefined> {
  return await database.transaction(async (tx) => {
    if (!(await holdTurn(tx, call.fence))) return undefined;
    const [standing] = await tx.query<TurnStanding>(STANDING, [call.fence.turnId]);
    await appendAudit(tx, call.organizationId, [call.audit]);
    return standing;
  });
}

/** `known`: an earlier attempt of the turn made the same call. */
export type WriteSlot =
  | { readonly state: "new"; readonly ordinal: number }
  | { readonly state: "known"; readonly ordinal: number; readonly result: JsonValue }
  | { readonly state: "full" }
  | { readonly state: "over" };

/** Takes one of a turn's writes within a transaction that does it. Calls of one turn must come one after another. */
export async function takeWrite(
  tx: SqlRunner,
  write: {
    readonly fence: TurnFence;
    readonly organizationId: string;
    readonly key: string;
    readonly tool: string;
    readonly most: number;
  },
): Promise<WriteSlot> {
  if (!(await holdTurn(tx, write.fence))) return { state: "over" };
  const [known] = await tx.query<{ ordinal: number; result: JsonValue }>(
    { name: "known_write", text: "select ordinal, result from turn_writes where turn_id = $1 and key = $2" },
    [write.fence.turnId, write.key],
  );
  if (known !== undefined) return { state: "known", ...known };
  const [taken] = await tx.query<{ ordinal: number }>(
    {
      name: "take_write",
      text: `insert into turn_writes (turn_id, key, organization_id, ordinal, tool)
        select $1, $2, $3, w.next, $4 from (select count(*)::int as n, coalesce(max(ordinal) + 1, 0) as next from turn_writes where turn_id = $1) w
        where w.n < $5 returning ordinal`,
    },
    [write.fence.turnId, write.key, write.organizationId, write.tool, write.most],
  );
  return taken === undefined ? { state: "full" } : { state: "new", ordinal: taken.ordinal };
}

/** Keeps what the agent was told, so that a retried attempt is told the same. */
export async function finishWrite(sql: SqlRunner, turnId: string, key: string, result: JsonValue): Promise<void> {
  await sql.query(
    { name: "finish_write", text: "update turn_writes set result = $3::jsonb where turn_id = $1 and key = $2" },
    [turnId, key, JSON.stringify(result)],
  );
}

/** Gives a write back that certainly did not happen, so that it can be tried again. */
export async function returnWrite(sql: SqlRunner, turnId: string, key: string): Promise<void> {
  await sql.query({ name: "return_write", text: "delete from turn_writes where turn_id = $1 and key = $2" }, [
    turnId,
    key,
  ]);
}

/** A post of a running turn, beside its reply. */
export interface ToolPost {
  readonly id: string;
  readonly body: unknown;
  readonly fallback: string;
  readonly key: string;
}

/** Puts posts of a running turn into a conversation's outbox, behind what is there; their order is that of the calls. */
export async function addToolPosts(
  tx: SqlRunner,
  write: {
    readonly turnId: string;
    readonly conversationId: string;
    readonly ordinal: number;
    readonly posts: readonly ToolPost[];
  },
): Promise<void> {
  const posts = write.posts.slice(0, MAX_POSTS_PER_CALL);
  await tx.query(
    {
      name: "add_tool_posts",
      text: `insert into deliveries (id, organization_id, turn_id, agent_id, conversation_id, ordinal, body, fallback_text, idempotency_key, asker_id, state)
        select x.id, t.organization_id, t.id, t.agent_id, $3, x.ord, x.body, x.fallback, x.key, t.asker_id, 'pending'
        from turns t cross join jsonb_to_recordset($1::jsonb) as x(id text, ord int, body jsonb, fallback text, key text)
        where t.id = $2 order by x.ord
        on conflict do nothing`,
    },
    [
      JSON.stringify(
        posts.map((post, index) => ({ ...post, ord: TOOL_ORDINAL + write.ordinal * MAX_POSTS_PER_CALL + index })),
      ),
      write.turnId,
      write.conversationId,
    ],
  );
  await tx.query({ name: "ring_outbox", text: "update conversations set outbox_due_at = now() where id = $1" }, [
    write.conversationId,
  ]);
}

/** What became of the posts of one call. */
export interface PostState {
  readonly state: string;
  readonly message_id: string | null;
  readonly platform_order: string | null;
  readonly code: string | null;
}

export async function readToolPosts(sql: SqlRunner, turnId: string, ordinal: number): Promise<readonly PostState[]> {
  const first = TOOL_ORDINAL + ordinal * MAX_POSTS_PER_CALL;
  return await sql.query<PostState>(
    {
      name: "read_tool_posts",
      text: `select d.state, d.message_id, d.code, (select m.platform_order from messages m join conversations c on c.id = d.conversation_id
          where m.installation_id = c.installation_id and m.channel_id = c.channel_id and m.message_id = d.message_id) as platform_order
        from deliveries d where d.turn_id = $1 and d.ordinal >= $2 and d.ordinal < $3 order by d.ordinal`,
    },
    [turnId, first, first + MAX_POSTS_PER_CALL],
  );
}

/** A message of one of these conversations that stands; undefined for any other id. */
export async function findMessage(
  sql: SqlRunner,
  messageId: string,
  conversationIds: readonly string[],
): Promise<{ readonly conversation_id: string; readonly text: string; readonly sender_name: string } | undefined> {
  const [row] = await sql.query<{ conversation_id: string; text: string; sender_name: string }>(
    {
      name: "find_message",
      text: `select m.conversation_id, m.text, coalesce(m.sender->>'name', m.sender->>'id') as sender_name
        from messages m where m.message_id = $1 and m.conversation_id = any($2::text[]) and m.deleted_at is null limit 1`,
    },
    [messageId, conversationIds],
  );
  return row;
}
