import type { Operations } from "../../contracts/operations.ts";

/** What the routes of the API work with. */
export interface RouteContext {
  readonly operations: Operations;
  readonly organizationId: string;
}

/** Ids are opaque and at most this long everywhere in Parley. */
export const MAX_ID_CHARS = 512;

/** Route options shared by what operators may do. */
export const OPERATOR = { config: { auth: "operator" } } as const;
export const SECURED = [{ operator: [] }];
