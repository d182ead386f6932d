import type { SqlRunner } from "./connection/database.ts";

/** A conversation of an organization as the mirror knows it; whether anybody may read it is not said here. */
export interface MirroredConversation {
  readonly id: string;
  readonly installation_id: string;
  readonly channel_id: string;
  readonly thread_id: string | null;
  readonly path: unknown;
  readonly name: string | null;
  readonly kind: string;
  readonly external: boolean;
  readonly archived: boolean;
  readonly self_member: boolean | null;
}

export interface FoundMessage {
  readonly conversation_id: string;
  readonly message_id: string;
  readonly platform_order: string;
  readonly occurred_at: Date;
  readonly sender_name: string;
  readonly text: string;
}

const COLUMNS =
  "c.id, c.installation_id, c.channel_id, c.thread_id, c.path, h.name, h.kind, h.external, h.archived, h.self_member";
const MAX_NAMESAKES = 50;

/** Conversations of one installation that a reference names: by Parley's id, the platform's id of channel or thread, or the channel's name. */
export function findConversations(
  sql: SqlRunner,
  query: { organizationId: string; installationId: string; reference: string },
): Promise<MirroredConversation[]> {
  return sql.query(
    {
      name: "find_conversations",
      text: `select ${COLUMNS} from conversations c join channels h on h.installation_id = c.installation_id and h.channel_id = c.channel_id
        where c.organization_id = $1 and c.installation_id = $2
          and (c.id = $3 or c.thread_id = $3 or (c.thread_id is null and (c.channel_id = $3 or ltrim(lower(h.name), '#') = ltrim(lower($3), '#'))))
        order by c.id limit ${MAX_NAMESAKES}`,
    },
    [query.organizationId, query.installationId, query.reference],
  );
}

/** The conversations of one installation in which something was said last, newest first, without those that a person is known to have left. */
export function listConversations(
  sql: SqlRunner,
  query: { organizationId: string; installationId: string; threads: boolean; limit: number; notLeftBy: string },
): Promise<MirroredConversation[]> {
  return sql.query(
    {
      name: "list_conversations",
      text: `select ${COLUMNS} from conversations c join channels h on h.installation_id = c.installation_id and h.channel_id = c.channel_id
        cross join lateral (select max(m.platform_order) as newest, max(m.occurred_at) as at from messages m where m.conversation_id = c.id and m.deleted_at is null) n
        where c.organization_id = $1 and c.installation_id = $2 and ($3::boolean or c.thread_id is null) and n.newest is not null
          and not exists (select 1 from memberships g where g.installation_id = c.installation_id and g.channel_id = c.channel_id and g.member_id = $5 and g.state = 'left')
        order by n.at desc, c.id limit $4`,
    },
    [query.organizationId, query.installationId, query.threads, query.limit, query.notLeftBy],
  );
}

/** The newest messages of these conversations whose text holds the words as they are, whatever their case. */
export function searchMessages(
  sql: SqlRunner,
  query: { conversationIds: readonly string[]; words: string; limit: number },
): Promise<FoundMessage[]> {
  const pattern = `%${query.words.replaceAll(/[\\%_]/g, (sign) => `\\${sign}`)}%`;
  return sql.query(
    {
      name: "search_messages",
      text: `select m.conversation_id, m.message_id, m.platform_order, m.occurred_at, coalesce(m.sender->>'name', m.sender->>'id') as sender_name, m.text from messages m
        where m.conversation_id = any($1::text[]) and m.deleted_at is null and m.text ilike $2 order by m.occurred_at desc, m.message_id limit $3`,
    },
    [query.conversationIds, pattern, query.limit],
  );
}
