import type { ApiScope } from "../../contracts/api-token.ts";
import type { Operations } from "../../contracts/operations.ts";

/** What the routes of the API work with. */
export interface RouteContext {
  readonly operations: Operations;
}

/** Ids are opaque and at most this long everywhere in Parley. */
export const MAX_ID_CHARS = 512;

/** Route options of what operators may do, and tokens of the API that have the scope. */
export function needs<Scope extends ApiScope>(scope: Scope) {
  return { config: { auth: "operator", scope } } as const;
}
/** What makes Parley act. */
export const OPERATOR = needs("operate");
export const SECURED = [{ operator: [] }];
