import type { PGlite } from "@electric-sql/pglite";
import type { Database, QueuePool, SqlRunner, Statement } from "./database.ts";
import { type FolderLock, lockFolder } from "./folder-lock.ts";
import { openPgliteFiles } from "./pglite-files.ts";
import { PgliteMaintenance } from "./pglite-maintenance.ts";
import { PgliteNotifications } from "./pglite-notifications.ts";
import { PglitePool } from "./pglite-pool.ts";
import { IdleGuard, PgliteSession } from "./pglite-session.ts";
import { runTransaction } from "./run-transaction.ts";
import { runStatement } from "./statement-runner.ts";

/**
 * Opens the embedded ledger in `dataFolder`, for this process alone.
 *
 * A crash of the process loses nothing that was acknowledged. A power cut may: PGlite does not flush to the disk.
 *
 * @throws ParleyError LEDGER_LOCKED when another process has the folder, LEDGER_CONFIG_REFUSED when it cannot be opened.
 */
export async function openPglite(dataFolder: string): Promise<Database> {
  const lock = lockFolder(dataFolder);
  try {
    const pglite = await openPgliteFiles(dataFolder);
    return new PgliteDatabase(pglite, await PgliteSession.open(pglite), lock);
  } catch (error) {
    lock.release();
    throw error;
  }
}

class PgliteDatabase implements Database {
  readonly backend = "pglite";
  readonly pool: QueuePool;
  readonly #pglite: PGlite;
  readonly #session: PgliteSession;
  readonly #lock: FolderLock;
  readonly #notifications: PgliteNotifications;
  readonly #maintenance: PgliteMaintenance;
  #closing: Promise<void> | undefined;

  constructor(pglite: PGlite, session: PgliteSession, lock: FolderLock) {
    this.#pglite = pglite;
    this.#session = session;
    this.#lock = lock;
    this.#notifications = new PgliteNotifications(session);
    this.#maintenance = new PgliteMaintenance(session);
    this.pool = new PglitePool(session);
  }

  async query<Row>(statement: Statement, values?: readonly unknown[]): Promise<Row[]> {
    return await this.#session.run((turn) => runStatement<Row>(turn, statement, values));
  }

  async transaction<T>(work: (tx: SqlRunner) => Promise<T>): Promise<T> {
    return await this.#session.run(async (turn) => {
      const idle = new IdleGuard();
      try {
        return await runTransaction(turn, (tx) => Promise.race([work(tx), idle.expired]), {
          onStatement: (running) => idle.onStatement(running),
        });
      } finally {
        idle.stop();
      }
    });
  }

  async listen(channel: string, onNotify: (payload: string) => void): Promise<() => Promise<void>> {
    return await this.#notifications.listen(channel, onNotify);
  }

  async ping(): Promise<{ latencyMs: number }> {
    const started = performance.now();
    await this.query({ name: "ping", text: "SELECT 1" });
    return { latencyMs: performance.now() - started };
  }

  async close(): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  async #close(): Promise<void> {
    this.#maintenance.stop();
    try {
      await this.#session.close();
      await this.#pglite.close();
    } finally {
      this.#lock.release();
    }
  }
}
