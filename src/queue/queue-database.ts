import type { PgPool } from "bullmq";

/** What the queue needs of the ledger's database when it lives there; the ledger's `Database` has this shape. */
export interface QueueDatabase {
  readonly backend: "pglite" | "postgres";
  /** Connections that find BullMQ's schema, `bullmq`, on their search_path. */
  readonly pool: PgPool;
}
