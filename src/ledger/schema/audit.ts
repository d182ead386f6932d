import { sql } from "drizzle-orm";
import {
  bigint,
  bigserial,
  customType,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  serial,
  text,
} from "drizzle-orm/pg-core";
import { instant, organizationId } from "./columns.ts";

const transactionId = customType<{ data: string }>({ dataType: () => "xid8" });

/**
 * One append-only record per transaction that changed something, with all that the transaction did, as canonical JSON text.
 *
 * `xact` gives the records an order that no late commit can change: what is older than every open transaction is complete.
 */
export const auditLog = pgTable(
  "audit_log",
  {
    id: bigserial("id", { mode: "number" }).notNull(),
    xact: transactionId("xact").notNull().default(sql`pg_current_xact_id()`),
    organizationId: organizationId(),
    at: instant("at").notNull().default(sql`clock_timestamp()`),
    entries: text("entries").notNull(),
  },
  (table) => [primaryKey({ columns: [table.organizationId, table.xact, table.id] })],
);

/** The chain over the log: each seal covers the records since the one before, by their digests, and the seal before. */
export const auditSeals = pgTable(
  "audit_seals",
  {
    organizationId: organizationId(),
    number: integer("number").notNull(),
    at: instant("at").notNull().defaultNow(),
    lastXact: transactionId("last_xact").notNull(),
    lastId: bigint("last_id", { mode: "number" }).notNull(),
    /** Id and keyed digest of each record covered, in order. */
    digests: jsonb("digests").notNull(),
    /** The seal before; empty for the first. */
    previous: text("previous").notNull(),
    /** Keyed digest of everything else in this row. */
    seal: text("seal").notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.organizationId, table.number] }),
    index("audit_seals_at").on(table.organizationId, table.at),
  ],
);

/**
 * The keys that the log was sealed with, oldest first: a seal of before a change of the deployment's key is verified with the key that made it.
 *
 * Each is itself sealed with the deployment's key of now. Of the deployment, like that, and of no organization.
 */
export const auditKeys = pgTable("audit_keys", {
  id: serial("id").primaryKey(),
  sealed: text("sealed").notNull(),
  /** Says which key it is to whoever has it, and nothing to anybody else. */
  fingerprint: text("fingerprint").notNull(),
  createdAt: instant("created_at").notNull().defaultNow(),
});
