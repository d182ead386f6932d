import pg from "pg";
import type { PgliteSession } from "./pglite-session.ts";
import { runStatement } from "./statement-runner.ts";

const LOOK_EVERY_MS = 60_000;
/** PostgreSQL's own autovacuum formula, with a smaller scale so that no single pass holds the process up for long. */
const DEAD_ROWS = 500;
const DEAD_SHARE = 0.1;

const WORN_TABLES = `
  SELECT schemaname, relname FROM pg_stat_user_tables
  WHERE n_dead_tup > ${DEAD_ROWS} + ${DEAD_SHARE} * n_live_tup
  ORDER BY n_dead_tup DESC`;

/**
 * Does what autovacuum does on a server: PGlite has no background processes, and a queue that is never vacuumed grows
 * and slows down for ever. One table per turn, so that other statements get theirs in between.
 */
export class PgliteMaintenance {
  readonly #session: PgliteSession;
  readonly #timer: NodeJS.Timeout;
  #running = false;

  constructor(session: PgliteSession) {
    this.#session = session;
    this.#timer = setInterval(() => void this.#look(), LOOK_EVERY_MS);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    try {
      await vacuumWornTables(this.#session);
    } catch {
      // The database is closing or stopped, which its users hear by themselves; a table that vanished is looked at no more.
    } finally {
      this.#running = false;
    }
  }
}

/** Vacuums and analyses each table with many dead rows; resolves with their names. */
export async function vacuumWornTables(session: PgliteSession): Promise<string[]> {
  const worn = await session.run((turn) =>
    runStatement<{ schemaname: string; relname: string }>(turn, { text: WORN_TABLES }),
  );
  const names: string[] = [];
  for (const { schemaname, relname } of worn) {
    const name = `${pg.escapeIdentifier(schemaname)}.${pg.escapeIdentifier(relname)}`;
    await session.run((turn) => turn.query({ text: `VACUUM (ANALYZE) ${name}` }));
    names.push(`${schemaname}.${relname}`);
  }
  return names;
}
