import type { QueryResult } from "pg";
import { ParleyError } from "../../errors/parley-error.ts";
import { isConnectionLoss, toLedgerError } from "./connection-errors.ts";
import type { SqlRunner } from "./database.ts";
import { SerialRunner, type StatementClient } from "./statement-runner.ts";

/**
 * Runs BEGIN, `work` and COMMIT on a connection that nobody else uses; rolls back when `work` throws.
 * Statements that `work` left running are waited for, so that none of them lands outside the transaction.
 * `onBroken` is told when the connection must not be used again.
 */
export async function runTransaction<T>(
  client: StatementClient,
  work: (tx: SqlRunner) => Promise<T>,
  hooks: { onStatement?: (running: boolean) => void; onBroken?: () => void } = {},
): Promise<T> {
  const runner = new SerialRunner(client, hooks.onStatement);
  const tx: SqlRunner = {
    query: async (statement, values) => {
      try {
        return await runner.query(statement, values);
      } catch (error) {
        throw toLedgerError(error);
      }
    },
  };
  try {
    await client.query({ text: "BEGIN" });
  } catch (error) {
    hooks.onBroken?.();
    throw toLedgerError(error);
  }
  let result: T;
  try {
    result = await work(tx);
  } catch (error) {
    await runner.shut(ended());
    await rollBack(client, hooks.onBroken);
    throw toLedgerError(error);
  }
  await runner.shut(ended());
  await commit(client, hooks.onBroken);
  return result;
}

function ended(): ParleyError {
  return new ParleyError("INVARIANT_BROKEN", { detail: "a statement was sent after its transaction had ended" });
}

async function rollBack(client: StatementClient, onBroken?: () => void): Promise<void> {
  try {
    await client.query({ text: "ROLLBACK" });
  } catch {
    // The error of `work` is the one to report; a connection that cannot roll back is thrown away, which rolls back.
    onBroken?.();
  }
}

async function commit(client: StatementClient, onBroken?: () => void): Promise<void> {
  let answer: { command: string };
  try {
    answer = (await client.query({ text: "COMMIT" })) as QueryResult;
  } catch (error) {
    onBroken?.();
    throw toLedgerError(error, isConnectionLoss(error) ? { commit: "unknown" } : {});
  }
  // PostgreSQL answers COMMIT of a failed transaction with ROLLBACK and no error: `work` swallowed a statement's error.
  if (answer.command !== "COMMIT") {
    throw new ParleyError("INVARIANT_BROKEN", {
      detail: "the transaction was rolled back because one of its statements had failed and the error was ignored",
    });
  }
}
