import { setTimeout as delay } from "node:timers/promises";
import type { PoolClient } from "pg";
import { ParleyError } from "../../errors/parley-error.ts";
import { BoundedPool } from "./bounded-pool.ts";
import { errorCode, isConnectionLoss, toLedgerError } from "./connection-errors.ts";
import { DEFAULT_POOL_SIZE, QUEUE_POOL_SIZE } from "./connection-settings.ts";
import { type Database, QUEUE_SCHEMA, type QueuePool, type SqlRunner, type Statement } from "./database.ts";
import { readServerFacts, refuseUnfitServer } from "./postgres-checks.ts";
import { PostgresListener } from "./postgres-listener.ts";
import { checkDatabaseUrl, poolConfig } from "./postgres-settings.ts";
import { runTransaction } from "./run-transaction.ts";
import { runStatement } from "./statement-runner.ts";

const RETRY_EVERY_MS = 500;
/** What a transaction under way gets when the database is closed. */
const CLOSE_GRACE_MS = 5_000;
/** The queue is closed before; what it still holds is a connection of a handler that it gave up waiting for. */
const QUEUE_CLOSE_GRACE_MS = 500;

export interface PostgresOptions {
  readonly databaseUrl: string;
  /** Connections of the ledger; the queue and LISTEN have their own. Default 10. */
  readonly poolSize?: number;
  /** How long to try again while the server cannot be reached, as when both start together. Default 10 000. */
  readonly waitMs?: number;
}

/**
 * Opens the ledger on a PostgreSQL server.
 *
 * @throws ParleyError LEDGER_UNAVAILABLE when the server does not answer in time; LEDGER_CONFIG_REFUSED when the URL, the
 * credentials or the server's settings are wrong.
 */
export async function openPostgres(options: PostgresOptions): Promise<Database> {
  const { where } = checkDatabaseUrl(options.databaseUrl);
  const database = new PostgresDatabase(options.databaseUrl, options.poolSize ?? DEFAULT_POOL_SIZE);
  const deadline = Date.now() + (options.waitMs ?? 10_000);
  for (;;) {
    try {
      refuseUnfitServer(await readServerFacts(database));
      return database;
    } catch (error) {
      const away = error instanceof ParleyError && error.code === "LEDGER_UNAVAILABLE";
      if (!away || Date.now() >= deadline) {
        await database.close();
        throw refusalOf(error, where);
      }
      await delay(RETRY_EVERY_MS);
    }
  }
}

function refusalOf(error: unknown, where: string): unknown {
  const code = errorCode(error);
  // Class 28 is "invalid authorization"; 3D000 "database does not exist".
  if (code !== undefined && !(error instanceof ParleyError) && (code.startsWith("28") || code === "3D000")) {
    const detail = `DATABASE_URL is refused by ${where}: ${error instanceof Error ? error.message : code}`;
    return new ParleyError("LEDGER_CONFIG_REFUSED", { cause: error, detail });
  }
  if (error instanceof ParleyError && error.code === "LEDGER_UNAVAILABLE") {
    return new ParleyError("LEDGER_UNAVAILABLE", { cause: error, detail: `${error.detail ?? ""} (${where})` });
  }
  return error;
}

class PostgresDatabase implements Database {
  readonly backend = "postgres";
  readonly #url: string;
  readonly #ledger: BoundedPool;
  readonly #listener: PostgresListener;
  #queue: BoundedPool | undefined;
  #closing: Promise<void> | undefined;

  constructor(databaseUrl: string, poolSize: number) {
    this.#url = databaseUrl;
    this.#ledger = new BoundedPool(poolConfig(databaseUrl, poolSize), CLOSE_GRACE_MS);
    this.#listener = new PostgresListener(poolConfig(databaseUrl, 1));
  }

  get pool(): QueuePool {
    // A pool of its own: a busy ledger cannot keep the bell from ringing, nor the other way round.
    this.#queue ??= new BoundedPool(poolConfig(this.#url, QUEUE_POOL_SIZE, QUEUE_SCHEMA), QUEUE_CLOSE_GRACE_MS);
    // It is what BullMQ is made for; only the typings of `on` are one generic in pg and overloads in BullMQ.
    return this.#queue.pool as unknown as QueuePool;
  }

  async query<Row>(statement: Statement, values?: readonly unknown[]): Promise<Row[]> {
    try {
      return await runStatement<Row>(this.#ledger.pool, statement, values);
    } catch (error) {
      throw toLedgerError(error);
    }
  }

  async transaction<T>(work: (tx: SqlRunner) => Promise<T>): Promise<T> {
    let client: PoolClient;
    try {
      client = await this.#ledger.pool.connect();
    } catch (error) {
      throw toLedgerError(error);
    }
    let broken = false;
    const onError = (): void => {
      broken = true;
    };
    // A checked-out client whose connection is lost emits an error, which would end the process if nobody listened.
    client.on("error", onError);
    try {
      return await runTransaction(client, work, { onBroken: onError });
    } catch (error) {
      broken ||= isConnectionLoss(error) || (error instanceof ParleyError && error.code === "LEDGER_UNAVAILABLE");
      throw error;
    } finally {
      client.off("error", onError);
      client.release(broken);
    }
  }

  async listen(
    channel: string,
    onNotify: (payload: string) => void,
    onGap: () => void = () => {},
  ): Promise<() => Promise<void>> {
    return await this.#listener.listen(channel, onNotify, onGap);
  }

  async ping(): Promise<{ latencyMs: number }> {
    const started = performance.now();
    await this.query({ name: "ping", text: "SELECT 1" });
    return { latencyMs: performance.now() - started };
  }

  async close(): Promise<void> {
    this.#closing ??= Promise.all([this.#listener.close(), this.#ledger.close(), this.#queue?.close()]).then(
      () => undefined,
    );
    await this.#closing;
  }
}
