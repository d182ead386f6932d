import type { Database } from "./database.ts";
import { openPglite } from "./pglite.ts";
import { openPostgres } from "./postgres.ts";

export interface OpenDatabaseOptions {
  /** A PostgreSQL server; without it the ledger is embedded in `dataFolder`. */
  readonly databaseUrl?: string;
  readonly dataFolder: string;
  /** Ledger connections to a server. Default 10. */
  readonly poolSize?: number;
  /** How long to wait for a server that cannot be reached, in ms. Default 10 000. */
  readonly waitMs?: number;
}

/**
 * Opens the ledger's database, checked and ready for `migrate`.
 *
 * @throws ParleyError LEDGER_LOCKED, LEDGER_CONFIG_REFUSED or LEDGER_UNAVAILABLE, each with what to do.
 */
export async function openDatabase(options: OpenDatabaseOptions): Promise<Database> {
  const { databaseUrl, dataFolder, poolSize, waitMs } = options;
  if (databaseUrl === undefined) return await openPglite(dataFolder);
  return await openPostgres({
    databaseUrl,
    ...(poolSize === undefined ? {} : { poolSize }),
    ...(waitMs === undefined ? {} : { waitMs }),
  });
}
