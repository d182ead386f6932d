import { ParleyError } from "../../errors/parley-error.ts";

/** System errors of a socket or a name look-up that mean "not reachable now". */
const SOCKET_CODES = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ECONNABORTED",
  "EPIPE",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
  "ENOENT",
]);

/**
 * SQLSTATEs that say nothing about the statement, only about the server's state: it is stopping, starting, full, slow or
 * read-only. https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
const SERVER_STATES = new Set([
  "57014", // statement_timeout
  "57P01", // admin_shutdown
  "57P02", // crash_shutdown
  "57P03", // cannot_connect_now
  "57P05", // idle_session_timeout
  "25P03", // idle_in_transaction_session_timeout
  "25006", // read_only_sql_transaction: a replica after a failover
  "58000", // system_error
  "58030", // io_error
]);

/** node-postgres has no code for these; the texts are those of pg 8 and pg-pool 3. */
const DRIVER_TEXTS = [
  "Connection terminated",
  "timeout exceeded when trying to connect",
  "Client has encountered a connection error",
  "Client was closed and is not queryable",
  "Cannot use a pool after calling end on the pool",
  "The embedded database stopped",
];

/** True when the error means that the database is away, not that the statement is wrong. */
export function isConnectionLoss(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = errorCode(error);
  if (code !== undefined) {
    if (SOCKET_CODES.has(code) || SERVER_STATES.has(code)) return true;
    // Class 08 is "connection exception", class 53 "insufficient resources" (disk full, too many connections).
    if (/^(08|53)[0-9A-Z]{3}$/.test(code)) return true;
  }
  return DRIVER_TEXTS.some((text) => error.message.includes(text));
}

/** Guarantees LEDGER_UNAVAILABLE for a lost database and hands every other error back as it is. */
export function toLedgerError(error: unknown, facts: Readonly<Record<string, string>> = {}): unknown {
  if (error instanceof ParleyError || !isConnectionLoss(error)) return error;
  return new ParleyError("LEDGER_UNAVAILABLE", { cause: error, detail: describe(error), facts });
}

export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

function describe(error: unknown): string {
  if (errorCode(error) === "25P03") return "a transaction sent nothing for 5 s and was rolled back";
  if (errorCode(error) === "57014") return "a statement took longer than 15 s and was stopped";
  const text = error instanceof Error ? error.message : String(error);
  return `the database cannot be reached: ${text === "" ? (errorCode(error) ?? "no reason given") : text}`;
}
