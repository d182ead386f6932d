import { ApiError } from "../api/http.ts";
import type { Store } from "./store.ts";

/** Runs what a person asked for; a failure becomes a notice (or the sign-in page, when the session is over) and never an exception. */
export type Attempt = <Result>(what: string, work: () => Promise<Result>) => Promise<Result | undefined>;

export function createAttempt(store: Store, onSessionOver: () => void): Attempt {
  return async (what, work) => {
    try {
      return await work();
    } catch (error) {
      if (isSessionOver(error)) onSessionOver();
      else store.dispatch({ type: "notice", kind: "error", text: `${what}: ${failureText(error)}` });
      return undefined;
    }
  };
}

export function isSessionOver(error: unknown): boolean {
  return error instanceof ApiError && error.status === 401;
}

/** What to tell a person whose code was refused: all refusals look alike to the server, for good reason. */
export function signInFailure(error: unknown): string {
  const refused = error instanceof ApiError && (error.status === 401 || error.status === 400);
  return refused ? "This code is wrong, was used already, or is too old. Ask for a new link." : failureText(error);
}

export function failureText(error: unknown): string {
  return error instanceof ApiError ? error.message : "something went wrong in this page.";
}
