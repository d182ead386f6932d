/** A statement; a named one is prepared once per connection, so a name always stands for the same text. */
export interface Statement {
  readonly name?: string;
  readonly text: string;
}

/** Runs statements one after another; rows come back with equal types on both backends. */
export interface SqlRunner {
  /**
   * Resolves with the rows in order (an empty list for statements without rows).
   * Types: int8 is a number (an unsafe one is an error), timestamptz a Date, json and jsonb parsed, numeric a string.
   * Objects as values are sent as JSON, arrays as PostgreSQL arrays: stringify an array that goes into jsonb.
   * Errors: LEDGER_UNAVAILABLE for a lost or unreachable database, node-postgres's `DatabaseError` (with `code`) otherwise.
   */
  query<Row>(statement: Statement, values?: readonly unknown[]): Promise<Row[]>;
}

/** The ledger's connection: the same behaviour over PGlite in the process and over a PostgreSQL server. */
export interface Database extends SqlRunner {
  readonly backend: "pglite" | "postgres";

  /**
   * Runs `work` in one transaction: committed when it resolves, rolled back when it throws; retries nothing.
   * Statements inside must go through `tx`; on PGlite one through the database itself would wait for its own
   * transaction. A transaction that sends nothing for 5 s is rolled back on both backends.
   * Errors: as `query`; a connection lost during COMMIT is LEDGER_UNAVAILABLE with the fact `commit: "unknown"`.
   */
  transaction<T>(work: (tx: SqlRunner) => Promise<T>): Promise<T>;

  /**
   * Calls `onNotify` with the payload of each NOTIFY on `channel` from the moment this resolves, until the returned function is called.
   * On a PostgreSQL server a lost connection is made again; `onGap` is called after each time that notifications may have been missed.
   */
  listen(channel: string, onNotify: (payload: string) => void, onGap?: () => void): Promise<() => Promise<void>>;

  /** What BullMQ's Postgres backend takes: connections whose search_path holds `QUEUE_SCHEMA`; opened on first use. */
  readonly pool: QueuePool;

  /** Resolves when the database answers a statement; errors as `query`. */
  ping(): Promise<{ latencyMs: number }>;

  /** Waits for running transactions (5 s on a server), then closes connections and lets go of the data folder; safe to call twice. */
  close(): Promise<void>;
}

/** The schema that BullMQ keeps its tables in, beside the ledger's own. */
export const QUEUE_SCHEMA = "bullmq";

export interface QueueQueryResult<Row> {
  rows: Row[];
  rowCount?: number | null;
}

export interface QueueNotification {
  channel: string;
  payload?: string;
}

/** The part of a `pg.PoolClient` that BullMQ uses. */
export interface QueuePoolClient {
  query<Row>(text: string, values?: readonly unknown[]): Promise<QueueQueryResult<Row>>;
  on(event: "notification", listener: (message: QueueNotification) => void): this;
  on(event: "error", listener: (error: Error) => void): this;
  on(event: "end", listener: () => void): this;
  removeListener(event: "notification", listener: (message: QueueNotification) => void): this;
  removeAllListeners(event?: string): this;
  release(destroy?: boolean): void;
}

/** The part of a `pg.Pool` that BullMQ uses. */
export interface QueuePool {
  query<Row>(text: string, values?: readonly unknown[]): Promise<QueueQueryResult<Row>>;
  connect(): Promise<QueuePoolClient>;
  end(): Promise<void>;
  on(event: "error", listener: (error: Error) => void): this;
  on(event: "connect", listener: (client: QueuePoolClient) => void): this;
  removeAllListeners(event?: string): this;
}
