import { ParleyError } from "../../errors/parley-error.ts";

const UNIQUE_VIOLATION = "23505";

/** Runs a write and turns a breach of a unique index into CONFLICT with this sentence. */
export async function conflictAs<T>(detail: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === UNIQUE_VIOLATION) {
      throw new ParleyError("CONFLICT", { detail, cause: error });
    }
    throw error;
  }
}

/** PostgreSQL's text of an instant as the contracts want it: ISO 8601 in UTC with milliseconds. */
export function isoSql(expression: string): string {
  return `to_char(${expression} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
}
