import type { SqlRunner } from "./connection/database.ts";

export interface ConversationMessage {
  readonly message_id: string;
  readonly platform_order: string;
  readonly occurred_at: Date;
  readonly sender_name: string;
  readonly text: string;
}

/** Messages of one conversation before a place in its order, oldest first, deleted ones left out. */
export function readConversation(
  sql: SqlRunner,
  query: { conversationId: string; limit: number; before: string | null },
): Promise<ConversationMessage[]> {
  return sql.query(
    {
      name: "read_conversation",
      text: `select * from (select message_id, platform_order, occurred_at, coalesce(sender->>'name', sender->>'id') as sender_name, text from messages
      where conversation_id = $1 and deleted_at is null and ($2::text is null or platform_order < $2) order by platform_order desc limit $3) x order by platform_order`,
    },
    [query.conversationId, query.before, query.limit],
  );
}

/** The place in a conversation's order behind all that was said and routed there. */
export async function newestOrder(sql: SqlRunner, conversationId: string): Promise<string> {
  const [row] = await sql.query<{ newest: string | null }>(
    {
      name: "newest_order",
      text: `select greatest((select max(m.platform_order) from messages m where m.conversation_id = $1),
        (select c.routed_order from conversations c where c.id = $1)) as newest`,
    },
    [conversationId],
  );
  return row?.newest ?? "0";
}
