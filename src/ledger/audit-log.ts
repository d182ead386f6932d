import type { JsonValue } from "../contracts/json.ts";
import type { SqlRunner } from "./connection/database.ts";

/**
 * One line of the audit log. Ids, rules and keyed hashes; never a message's text, never a secret.
 *
 * `what` is one of: admission, routing, context_read, tool_call, output, withheld, delivery, approval, grant_changed, denied, switch, document, mass_mention, purged, audit_pruned.
 */
export interface AuditEntry {
  readonly what:
    | "admission"
    | "routing"
    | "context_read"
    | "tool_call"
    | "output"
    | "withheld"
    | "delivery"
    | "approval"
    | "grant_changed"
    | "denied"
    | "switch"
    | "document"
    | "mass_mention"
    | "purged"
    | "audit_pruned";
  /** Who did it: a person's, agent's or token's id, or the name of a part of Parley. */
  readonly by?: string;
  /** The rule that allowed, denied or caused it. */
  readonly rule?: string;
  readonly [detail: string]: JsonValue | undefined;
}

/** Appends what a transaction does to its organization's audit log; to be called within that transaction. */
export async function appendAudit(
  sql: SqlRunner,
  organizationId: string,
  entries: readonly AuditEntry[],
): Promise<void> {
  if (entries.length === 0) return;
  await sql.query(
    { name: "append_audit", text: "insert into audit_log (organization_id, entries) values ($1, $2::jsonb::text)" },
    [organizationId, JSON.stringify(entries)],
  );
}
