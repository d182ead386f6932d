/** Whether an error is PostgreSQL's unique_violation (SQLSTATE 23505, appendix A of its manual). */
export function isUniqueViolation(error: unknown): boolean {
  return sqlState(error) === "23505";
}

/** Runs a statement again when PostgreSQL ended it to break a deadlock (40P01) or a serialization conflict (40001); nothing of it was done then. */
export async function retryDeadlocks<T>(run: () => Promise<T>, attempts = 4): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await run();
    } catch (error) {
      const state = sqlState(error);
      if (attempt >= attempts || (state !== "40P01" && state !== "40001")) throw error;
    }
  }
}

function sqlState(error: unknown): unknown {
  return typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
}
