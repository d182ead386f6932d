import type { QueryArrayResult, QueryConfig, QueryResult } from "pg";
import type { SqlRunner, Statement } from "./database.ts";

/** What both kinds of connection can do: one statement at a time. */
export interface StatementClient {
  query(config: QueryConfig): Promise<QueryResult | QueryResult[] | QueryArrayResult>;
}

/** Sends one statement and returns its rows; of several statements in one text, the rows of the last. */
export async function runStatement<Row>(
  client: StatementClient,
  statement: Statement,
  values?: readonly unknown[],
): Promise<Row[]> {
  const config: QueryConfig = { text: statement.text };
  if (statement.name !== undefined) config.name = statement.name;
  if (values !== undefined) config.values = [...values];
  const result = await client.query(config);
  const last = Array.isArray(result) ? result.at(-1) : result;
  // The caller names the row type of its own statement; the driver cannot know it.
  return (last?.rows ?? []) as Row[];
}

/** A runner over one connection that sends the next statement when the one before has answered, as the protocol wants. */
export class SerialRunner implements SqlRunner {
  readonly #client: StatementClient;
  readonly #onStatement: (running: boolean) => void;
  #tail: Promise<unknown> = Promise.resolve();
  #closedBecause: Error | undefined;

  /** `onStatement` hears true when a statement is sent and false when it has answered. */
  constructor(client: StatementClient, onStatement: (running: boolean) => void = () => {}) {
    this.#client = client;
    this.#onStatement = onStatement;
  }

  async query<Row>(statement: Statement, values?: readonly unknown[]): Promise<Row[]> {
    const run = this.#tail.then(async () => {
      if (this.#closedBecause !== undefined) throw this.#closedBecause;
      this.#onStatement(true);
      try {
        return await runStatement<Row>(this.#client, statement, values);
      } finally {
        this.#onStatement(false);
      }
    });
    this.#tail = run.catch(() => undefined);
    return await run;
  }

  /** Refuses every statement that has not been sent yet; resolves when the one under way has answered. */
  async shut(reason: Error): Promise<void> {
    this.#closedBecause = reason;
    await this.#tail;
  }
}
