import type { ClientBase, PoolConfig } from "pg";
import pg from "pg";
import { ParleyError } from "../../errors/parley-error.ts";
import {
  APPLICATION_NAME,
  CONNECT_TIMEOUT_MS,
  IDLE_IN_TRANSACTION_MS,
  PLANNER_SETTINGS,
  STATEMENT_TIMEOUT_MS,
} from "./connection-settings.ts";
import { rowParsers } from "./row-parsers.ts";

const KEEP_ALIVE_DELAY_MS = 10_000;

/** What every connection to the server has in common. `searchPath` undefined leaves it as the URL and the role have it. */
export function poolConfig(databaseUrl: string, max: number, searchPath?: string): PoolConfig {
  return {
    connectionString: databaseUrl,
    max,
    types: rowParsers,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_DELAY_MS,
    idleTimeoutMillis: 30_000,
    // pg-pool waits for the promise before it hands the connection out; its type says void.
    onConnect: (client: ClientBase) => prepareSession(client, searchPath) as unknown as undefined,
  };
}

/**
 * Sets the bounds of a session by a statement and not by start-up parameters, which poolers refuse or drop.
 * The name is set again after a connection that BullMQ had named comes back: it sets it per connection.
 */
export async function prepareSession(client: ClientBase, searchPath?: string): Promise<void> {
  const settings: (readonly [string, string])[] = [
    ["statement_timeout", String(STATEMENT_TIMEOUT_MS)],
    ["idle_in_transaction_session_timeout", String(IDLE_IN_TRANSACTION_MS)],
    ["application_name", APPLICATION_NAME],
  ];
  // A search path of its own is the queue's, whose statements are BullMQ's to plan.
  if (searchPath === undefined) settings.push(...PLANNER_SETTINGS);
  else settings.push(["search_path", searchPath]);
  const calls = settings.map((_, index) => `set_config($${2 * index + 1}, $${2 * index + 2}, false)`);
  await client.query(`SELECT ${calls.join(", ")}`, settings.flat());
}

/** @throws ParleyError LEDGER_CONFIG_REFUSED for a URL that is none of PostgreSQL's; its text never holds the password. */
export function checkDatabaseUrl(databaseUrl: string): { where: string } {
  const refused = (detail: string): ParleyError => new ParleyError("LEDGER_CONFIG_REFUSED", { detail });
  if (!/^postgres(ql)?:\/\//.test(databaseUrl)) {
    throw refused("DATABASE_URL must begin with postgres:// or postgresql://");
  }
  try {
    const { host, port, database } = new pg.Client({ connectionString: databaseUrl });
    return { where: `${host}:${port}, database ${database ?? "(default)"}` };
  } catch {
    // The error of the parser may quote the URL, password included.
    throw refused("DATABASE_URL is not a valid URL; a password with special characters must be percent-encoded");
  }
}
