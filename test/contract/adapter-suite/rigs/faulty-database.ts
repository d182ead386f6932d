import { setTimeout as pause } from "node:timers/promises";
import { ParleyError } from "../../../../src/errors/parley-error.ts";
import type { Database, SqlRunner, Statement } from "../../../../src/ledger/connection/database.ts";
import type { FailureMode } from "../harness.ts";

/** The statement by which an agent's post is written, with the room as its third value. */
const WRITE = "web_insert_agent_post";
/** Asked by itself every few seconds: no sign of anybody's doing. */
const SWEEP = "web_rooms_with_pending";

/** The failures that a database can have, as src/ledger/connection/database.ts says that it reports them. */
export interface FaultyDatabase extends Database {
  /** Strikes the next write of an agent's post to the room. */
  strike(mode: FailureMode, roomId: string): void;
  /** From now on nothing can be reached. */
  cut(): void;
  dawdle(): void;
  /** Statements and transactions so far. */
  traffic(): number;
  /** Lets go what a silent database holds. */
  release(): void;
}

/** Stands before a real database and lets connections fail around its transactions; everything else is the database's own. */
export function faultyDatabase(inner: Database): FaultyDatabase {
  const struck = new Map<string, FailureMode>();
  const silence = Promise.withResolvers<void>();
  let isCut = false;
  let lookUpFails = false;
  let isSlow = false;
  let traffic = 0;
  const requireLine = (): void => {
    if (isCut) throw new ParleyError("LEDGER_UNAVAILABLE", { detail: "the connection is cut" });
  };
  return {
    backend: inner.backend,
    pool: inner.pool,
    ping: () => inner.ping(),
    listen: (...how) => inner.listen(...how),
    close: async () => undefined,
    query: async <Row>(statement: Statement, values?: readonly unknown[]): Promise<Row[]> => {
      if (statement.name !== SWEEP) traffic += 1;
      requireLine();
      if (lookUpFails) {
        lookUpFails = false;
        throw new ParleyError("LEDGER_UNAVAILABLE", { detail: "the connection was lost" });
      }
      return await inner.query<Row>(statement, values);
    },
    transaction: async <T>(work: (tx: SqlRunner) => Promise<T>): Promise<T> => {
      traffic += 1;
      requireLine();
      // Every other one, so that whoever does not wait for those before overtakes them.
      if (isSlow && traffic % 2 === 0) await pause(30);
      let mode: FailureMode | undefined;
      const lost = (): ParleyError =>
        new ParleyError("LEDGER_UNAVAILABLE", { detail: "lost during COMMIT", facts: { commit: "unknown" } });
      const result = await inner
        .transaction(async (tx) => {
          const done = await work({
            query: async <Row>(statement: Statement, values?: readonly unknown[]): Promise<Row[]> => {
              const roomId = statement.name === WRITE ? String(values?.[2]) : "";
              if (mode === "lost_midway")
                throw new ParleyError("LEDGER_UNAVAILABLE", { detail: "the connection was lost" });
              mode ??= struck.get(roomId);
              if (mode !== undefined) struck.delete(roomId);
              return await tx.query<Row>(statement, values);
            },
          });
          // Thrown inside, it rolls the transaction back.
          if (mode === "lost_before" || mode === "silent_before") throw lost();
          return done;
        })
        .catch(async (error: unknown) => {
          if (mode === "silent_before") await silence.promise;
          throw error;
        });
      if (mode === "lost_after") throw lost();
      if (mode === "silent_after") await silence.promise;
      return result;
    },
    strike: (mode, roomId) => void struck.set(roomId, mode),
    cut: () => {
      isCut = true;
    },
    dawdle: () => {
      isSlow = true;
    },
    traffic: () => traffic,
    release: () => silence.resolve(),
  };
}
