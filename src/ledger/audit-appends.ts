import type { Database, SqlRunner, Statement } from "./connection/database.ts";

/** Statements that write to the audit log name it; those of the sealer itself and of readers do not count. */
const APPENDS = /insert into audit_log\b/;

/**
 * Counts what may have been appended to the audit log through a database that no other process has, so that nothing is asked of it while
 * nothing happens.
 */
export function watchAppends(database: Database): { readonly database: Database; readonly appended: () => number } {
  let count = 0;
  const known = new WeakMap<Statement, boolean>();
  const appends = (statement: Statement): boolean => {
    let answer = known.get(statement);
    if (answer === undefined) {
      answer = APPENDS.test(statement.text);
      known.set(statement, answer);
    }
    return answer;
  };
  const watched = (runner: SqlRunner, told: () => void): SqlRunner => ({
    async query(statement, values) {
      if (!appends(statement)) return await runner.query(statement, values);
      try {
        return await runner.query(statement, values);
      } finally {
        told();
      }
    },
  });
  const told = (): void => void (count += 1);
  const plain = watched(database, told);
  return {
    appended: () => count,
    database: {
      backend: database.backend,
      pool: database.pool,
      query: (statement, values) => plain.query(statement, values),
      async transaction(work) {
        let appended = false;
        try {
          return await database.transaction((tx) => work(watched(tx, () => void (appended = true))));
        } finally {
          // After the commit: before it there is nothing to find.
          if (appended) told();
        }
      },
      listen: (channel, onNotify, onGap) => database.listen(channel, onNotify, onGap),
      ping: () => database.ping(),
      close: () => database.close(),
    },
  };
}
