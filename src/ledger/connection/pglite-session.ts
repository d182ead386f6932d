import type { PGlite } from "@electric-sql/pglite";
import type { QueryConfig, QueryResult } from "pg";
import pg from "pg";
import { ParleyError } from "../../errors/parley-error.ts";
import { toLedgerError } from "./connection-errors.ts";
import { IDLE_IN_TRANSACTION_MS, PLANNER_SETTINGS } from "./connection-settings.ts";
import { QUEUE_SCHEMA, type QueueNotification } from "./database.ts";
import { ExclusiveGate } from "./exclusive-gate.ts";
import { PgliteStream } from "./pglite-stream.ts";
import { rowParsers } from "./row-parsers.ts";
import type { StatementClient } from "./statement-runner.ts";

/** What a holder of the session may do until it leaves. */
export interface SessionTurn extends StatementClient {
  /** Lets the next one in; safe to call twice. */
  leave(): void;
}

/**
 * The one connection that PGlite has, shared by the ledger and the queue: each caller gets a turn of its own, in order,
 * and nobody's statement runs inside another one's transaction.
 */
export class PgliteSession {
  readonly #client: pg.Client;
  readonly #gate = new ExclusiveGate();
  #closedBecause: ParleyError | undefined;

  constructor(client: pg.Client) {
    this.#client = client;
    // One per queue, worker and listener, all of them few.
    client.setMaxListeners(0);
    client.on("error", (cause) => {
      this.#closedBecause ??= new ParleyError("LEDGER_UNAVAILABLE", { cause, detail: cause.message });
    });
  }

  static async open(pglite: PGlite): Promise<PgliteSession> {
    const client = new pg.Client({
      stream: () => new PgliteStream(pglite),
      types: rowParsers,
      user: "postgres",
      database: "postgres",
      // Without these, node-postgres would take them from PGHOST, PGPORT and PGSSLMODE of the environment.
      host: "127.0.0.1",
      port: 5432,
      ssl: false,
    });
    await client.connect();
    const session = new PgliteSession(client);
    // The queue names its tables without a schema. The ledger's come first and share no name with them.
    const settings = PLANNER_SETTINGS.map(([name, value]) => `; SET ${name} TO ${value}`).join("");
    await session.run((turn) => turn.query({ text: `SET search_path TO public, ${QUEUE_SCHEMA}${settings}` }));
    return session;
  }

  /** Calls the listener with every notification of the session until the returned function is called. */
  onNotification(listener: (message: QueueNotification) => void): () => void {
    const heard = ({ channel, payload }: pg.Notification): void => listener({ channel, payload: payload ?? "" });
    this.#client.on("notification", heard);
    return () => this.#client.off("notification", heard);
  }

  /** Waits for the caller's turn. */
  async enter(): Promise<SessionTurn> {
    const leave = await this.#gate.enter();
    if (this.#closedBecause !== undefined) {
      leave();
      throw this.#closedBecause;
    }
    return {
      leave,
      query: async (config: QueryConfig): Promise<QueryResult | QueryResult[]> => {
        if (this.#closedBecause !== undefined) throw this.#closedBecause;
        try {
          return await this.#client.query(config);
        } catch (error) {
          throw toLedgerError(error);
        }
      },
    };
  }

  async run<T>(work: (turn: SessionTurn) => Promise<T>): Promise<T> {
    const turn = await this.enter();
    try {
      return await work(turn);
    } finally {
      turn.leave();
    }
  }

  /** Waits for the turn that is under way, then ends the connection. */
  async close(): Promise<void> {
    await this.#gate.run(async () => {
      this.#closedBecause ??= new ParleyError("LEDGER_UNAVAILABLE", { detail: "the database is closed" });
      await this.#client.end();
    });
  }
}

/**
 * The embedded counterpart of idle_in_transaction_session_timeout: rejects when no statement runs for 5 s.
 * The usual cause is a statement through the database itself inside `transaction`, which waits for the very turn it holds up.
 */
export class IdleGuard {
  readonly expired: Promise<never>;
  readonly #expire: (error: Error) => void;
  #timer: NodeJS.Timeout | undefined;

  constructor() {
    const { promise, reject } = Promise.withResolvers<never>();
    this.expired = promise;
    // Nobody may be waiting when it expires.
    promise.catch(() => undefined);
    this.#expire = reject;
    this.onStatement(false);
  }

  /** True when a statement starts, false when it has answered. */
  onStatement(running: boolean): void {
    clearTimeout(this.#timer);
    if (running) return;
    this.#timer = setTimeout(() => {
      const detail =
        "a transaction sent nothing for 5 s and was rolled back; " +
        "inside a transaction, statements must go through its own runner";
      this.#expire(new ParleyError("LEDGER_UNAVAILABLE", { detail }));
    }, IDLE_IN_TRANSACTION_MS);
    this.#timer.unref();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
