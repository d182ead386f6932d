import { ParleyError } from "../../src/errors/parley-error.ts";

const MAX_CAUSES = 8;

/** The first error that matches, of what was thrown and what it says caused it; looks no deeper than eight errors. */
export function findInCauses(thrown: unknown, matches: (error: Error) => boolean): Error | undefined {
  let current: unknown = thrown;
  for (let depth = 0; depth < MAX_CAUSES && current instanceof Error; depth += 1) {
    if (matches(current)) return current;
    current = current.cause;
  }
  return undefined;
}

/** Gives the ParleyError that a failure was caused by, if one did. */
export function findParleyError(thrown: unknown): ParleyError | undefined {
  const found = findInCauses(thrown, (error) => error instanceof ParleyError);
  return found instanceof ParleyError ? found : undefined;
}
