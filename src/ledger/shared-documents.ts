import { appendAudit } from "./audit-log.ts";
import type { SqlRunner } from "./connection/database.ts";

/** What the agents of a conversation share under one name. */
export interface SharedDocument {
  readonly name: string;
  readonly revision: number;
  readonly value: unknown;
  readonly updated_by: string;
  readonly updated_at: Date;
}

/** Documents that one conversation may hold. */
const MAX_DOCUMENTS = 50;

export async function readDocument(
  sql: SqlRunner,
  conversationId: string,
  name: string,
): Promise<SharedDocument | undefined> {
  const [row] = await sql.query<SharedDocument>(
    {
      name: "read_shared_document",
      text: "select name, revision, value, updated_by, updated_at from shared_documents where conversation_id = $1 and name = $2",
    },
    [conversationId, name],
  );
  return row;
}

/** Names and revisions, the one that changed last first. */
export function listDocuments(
  sql: SqlRunner,
  conversationId: string,
): Promise<readonly Omit<SharedDocument, "value">[]> {
  return sql.query(
    {
      name: "list_shared_documents",
      text: `select name, revision, updated_by, updated_at from shared_documents where conversation_id = $1 order by updated_at desc limit ${MAX_DOCUMENTS}`,
    },
    [conversationId],
  );
}

export interface DocumentChange {
  readonly organizationId: string;
  readonly conversationId: string;
  readonly name: string;
  /** The revision that the change was made from; 0 makes a new document. */
  readonly from: number;
  readonly value: unknown;
  readonly by: string;
  readonly turnId: string;
  /** Keyed digest of the value, for the audit log. */
  readonly digest: string;
}

/** Changes a document if it still is what the change was made from, with its audit entry; else says at which revision it is now. To be called in a transaction. */
export async function changeDocument(
  tx: SqlRunner,
  change: DocumentChange,
): Promise<{ readonly changed: boolean; readonly revision: number } | "too_many"> {
  const { organizationId, conversationId, name, from, by, turnId, digest } = change;
  const [row] = from === 0 ? await create(tx, change) : await update(tx, change);
  if (row !== undefined) {
    const entry = { by, turn: turnId, conversation: conversationId, document: name, revision: row.revision, digest };
    await appendAudit(tx, organizationId, [{ what: "document", ...entry }]);
    return { changed: true, revision: row.revision };
  }
  const standing = await readDocument(tx, conversationId, name);
  return standing === undefined && from === 0 ? "too_many" : { changed: false, revision: standing?.revision ?? 0 };
}

function create(tx: SqlRunner, change: DocumentChange): Promise<{ revision: number }[]> {
  return tx.query<{ revision: number }>(
    {
      name: "create_shared_document",
      text: `insert into shared_documents (conversation_id, name, organization_id, value, updated_by)
        select $1, $2, $3, $4::jsonb, $5 where (select count(*) from shared_documents where conversation_id = $1) < ${MAX_DOCUMENTS}
        on conflict (conversation_id, name) do nothing returning revision`,
    },
    [change.conversationId, change.name, change.organizationId, JSON.stringify(change.value), change.by],
  );
}

function update(tx: SqlRunner, change: DocumentChange): Promise<{ revision: number }[]> {
  return tx.query<{ revision: number }>(
    {
      name: "change_shared_document",
      text: `update shared_documents set value = $4::jsonb, revision = revision + 1, updated_by = $5, updated_at = now()
        where conversation_id = $1 and name = $2 and organization_id = $3 and revision = $6 returning revision`,
    },
    [change.conversationId, change.name, change.organizationId, JSON.stringify(change.value), change.by, change.from],
  );
}
