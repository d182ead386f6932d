import { EventEmitter } from "node:events";
import type { QueryConfig, QueryResult } from "pg";
import type { QueueNotification, QueuePool, QueuePoolClient, QueueQueryResult } from "./database.ts";
import { IdleGuard, type PgliteSession, type SessionTurn } from "./pglite-session.ts";

/**
 * A `pg.Pool` as BullMQ knows it, over the one embedded session: any number of clients, none of which holds the session
 * except during a transaction, so that the client that BullMQ keeps for LISTEN blocks nobody.
 */
export class PglitePool extends EventEmitter implements QueuePool {
  /** BullMQ asks whether a lost LISTEN connection would be noticed; within a process there is none to lose. */
  readonly options = { keepAlive: true };
  readonly #session: PgliteSession;

  constructor(session: PgliteSession) {
    super();
    // Every queue and worker adds its own error listener and none is ever taken off.
    this.setMaxListeners(0);
    this.#session = session;
  }

  async query<Row>(text: string, values?: readonly unknown[]): Promise<QueueQueryResult<Row>> {
    return await this.#session.run((turn) => send<Row>(turn, text, values));
  }

  async connect(): Promise<QueuePoolClient> {
    const client = new PglitePoolClient(this.#session);
    this.emit("connect", client);
    return client;
  }

  /** The session belongs to the database, which closes it. */
  async end(): Promise<void> {}
}

class PglitePoolClient extends EventEmitter implements QueuePoolClient {
  readonly #session: PgliteSession;
  /** The turn held between BEGIN and COMMIT or ROLLBACK. */
  #held: { turn: SessionTurn; idle: IdleGuard } | undefined;
  readonly #stopHearing: () => void;

  constructor(session: PgliteSession) {
    super();
    this.#session = session;
    this.#stopHearing = session.onNotification((message: QueueNotification) => this.emit("notification", message));
  }

  async query<Row>(text: string, values?: readonly unknown[]): Promise<QueueQueryResult<Row>> {
    if (this.#held !== undefined) return await this.#queryInTransaction<Row>(this.#held, text, values);
    const turn = await this.#session.enter();
    try {
      const result = await send<Row>(turn, text, values);
      if (!isBegin(text)) return result;
      const idle = new IdleGuard();
      this.#held = { turn, idle };
      idle.expired.catch(() => this.release());
      return result;
    } finally {
      if (this.#held === undefined) turn.leave();
    }
  }

  release(): void {
    this.#stopHearing();
    const held = this.#held;
    if (held === undefined) return;
    this.#held = undefined;
    held.idle.stop();
    held.turn
      .query({ text: "ROLLBACK" })
      .catch(() => undefined)
      .finally(() => held.turn.leave());
  }

  async #queryInTransaction<Row>(
    held: { turn: SessionTurn; idle: IdleGuard },
    text: string,
    values?: readonly unknown[],
  ): Promise<QueueQueryResult<Row>> {
    held.idle.onStatement(true);
    try {
      return await send<Row>(held.turn, text, values);
    } finally {
      held.idle.onStatement(false);
      if (isEnd(text) && this.#held === held) {
        this.#held = undefined;
        held.idle.stop();
        held.turn.leave();
      }
    }
  }
}

function isBegin(text: string): boolean {
  return /^\s*(begin|start\s+transaction)\b/i.test(text);
}

function isEnd(text: string): boolean {
  return /^\s*(commit|end|rollback|abort)\b(?!\s+to\b)/i.test(text);
}

/** BullMQ's statements are a fixed set of texts, each of which is prepared once: half the time of one that is parsed anew. */
const statementNames = new Map<string, string>();
const MAX_NAMES = 200;

function nameOf(text: string): string | undefined {
  const known = statementNames.get(text);
  if (known !== undefined || statementNames.size >= MAX_NAMES) return known;
  const name = `queue_${statementNames.size}`;
  statementNames.set(text, name);
  return name;
}

async function send<Row>(turn: SessionTurn, text: string, values?: readonly unknown[]): Promise<QueueQueryResult<Row>> {
  const result = await turn.query(values === undefined ? { text } : prepared(text, values));
  // A text of several statements, as in migrations, gives a list of results; BullMQ reads none of them.
  const last = Array.isArray(result) ? result.at(-1) : result;
  return last as QueryResult & QueueQueryResult<Row>;
}

function prepared(text: string, values: readonly unknown[]): QueryConfig {
  const name = nameOf(text);
  return { text, values: [...values], ...(name === undefined ? {} : { name }) };
}
