import type { AppPorts } from "../../../src/app.ts";
import { ParleyError } from "../../../src/errors/parley-error.ts";
import type { Database, SqlRunner, Statement } from "../../../src/ledger/connection/database.ts";
import type { Sabotage } from "./stop-point.ts";
import { delegate } from "./stopping-ports.ts";

/** Ports that break one promise each; a fault run with one of them must fail, or it proves nothing. */
export function sabotagePorts(kind: Sabotage): AppPorts {
  switch (kind) {
    case "acknowledge_unstored":
      return { database: (opened) => withStatement(opened, "intake", forgetSome()) };
    case "resend_unknown":
      return {
        adapter: (created) =>
          created.platform !== "slack"
            ? created
            : delegate(created, {
                send: (post) =>
                  created.send(post).catch((error: unknown) => {
                    if (error instanceof ParleyError && error.delivery === "unknown") return created.send(post);
                    throw error;
                  }),
              }),
      };
    case "ignore_order":
      return { database: (opened) => withStatement(opened, "claim", newestFirst) };
  }
}

type Interception = <Row>(
  statement: Statement,
  values: readonly unknown[] | undefined,
  query: SqlRunner["query"],
) => Promise<Row[]>;

function withStatement(opened: Database, name: string, intercept: Interception): Database {
  const over = (runner: SqlRunner): SqlRunner => ({
    query: (statement, values) =>
      statement.name === name
        ? intercept(statement, values, (text, list) => runner.query(text, list))
        : runner.query(statement, values),
  });
  return delegate(opened, {
    query: (statement, values) => over(opened).query(statement, values),
    transaction: (work) => opened.transaction((tx) => work(over(tx))),
  });
}

/** Every fifth batch of events is said to be stored and is not. */
function forgetSome(): Interception {
  let batches = 0;
  return async <Row>(statement: Statement, values: readonly unknown[] | undefined, query: SqlRunner["query"]) => {
    batches += 1;
    if (batches % 5 !== 0) return query<Row>(statement, values);
    // The rows of the intake statement, as its text says.
    const rows = JSON.parse(String(values?.[0])) as { id: string }[];
    return rows.map(({ id }) => ({ id, stored_id: id, fresh: true })) as Row[];
  };
}

/** Hands out the waiting turns of each claimed conversation, and its events, from the newest to the oldest. */
const newestFirst: Interception = async <Row>(
  statement: Statement,
  values: readonly unknown[] | undefined,
  query: SqlRunner["query"],
) => {
  const rows = await query<Row & { events: unknown[] | null; open_turns: unknown[] | null }>(statement, values);
  return rows.map((row) => ({
    ...row,
    events: row.events?.toReversed() ?? null,
    open_turns: row.open_turns?.toReversed() ?? null,
  }));
};
