import { createPostgresBackend, DEFAULT_SCHEMA, Queue, runMigrations, Worker } from "bullmq";
import { ParleyError, toParleyError } from "../errors/parley-error.ts";
import type { BellProcessor, BellQueue, BellWorker, BellWorkerOptions, BullBackend } from "./bull-backend.ts";
import { CALL_TIMEOUT_MS, EMBEDDED_CALL_TIMEOUT_MS, QUEUE_OPTIONS } from "./bull-settings.ts";
import type { QueueDatabase } from "./queue-database.ts";

/** BullMQ on the ledger's own database, in a schema of its own. */
export class PostgresBackend implements BullBackend {
  readonly kind: "pglite" | "postgres";
  readonly callTimeoutMs: number;
  readonly #database: QueueDatabase;
  readonly #queueName: string;

  constructor(database: QueueDatabase, prefix: string) {
    this.kind = database.backend;
    this.callTimeoutMs = database.backend === "pglite" ? EMBEDDED_CALL_TIMEOUT_MS : CALL_TIMEOUT_MS;
    this.#database = database;
    // BullMQ ignores its prefix on PostgreSQL, where all queues of a schema share the tables.
    this.#queueName = `${prefix}-doorbell`;
  }

  async prepare(): Promise<void> {
    try {
      const client = await this.#database.pool.connect();
      try {
        await runMigrations(client, DEFAULT_SCHEMA);
      } finally {
        client.release();
      }
    } catch (error) {
      throw toQueueError(error);
    }
  }

  awayBecause(): undefined {
    return undefined;
  }

  openQueue(): BellQueue {
    return new Queue(this.#queueName, { ...QUEUE_OPTIONS, connection: this.#database.pool }, createPostgresBackend);
  }

  openWorker(processor: BellProcessor, options: BellWorkerOptions): BellWorker {
    const withPool = { ...options, connection: this.#database.pool };
    return new Worker(this.#queueName, processor, withPool, createPostgresBackend);
  }

  /** The pool is the ledger's to close. */
  close(): void {}
}

function toQueueError(error: unknown): ParleyError {
  // BullMQ's own refusals: a server too old, or tables that a newer BullMQ has changed.
  const refusals = ["UnsupportedPostgresVersionError", "SchemaVersionMismatchError"];
  if (error instanceof Error && refusals.includes(error.name)) {
    return new ParleyError("QUEUE_CONFIG_REFUSED", { cause: error, detail: error.message });
  }
  return toParleyError(error, "QUEUE_UNAVAILABLE");
}
