import type { JsonValue } from "../../contracts/json.ts";
import { toParleyError } from "../../errors/parley-error.ts";

/** What an agent is told when a tool did not do what it asked: one sentence, and its turn goes on. */
export interface ToolError {
  readonly [key: string]: JsonValue;
  readonly error: string;
}

export function toolError(error: string): ToolError {
  return { error };
}

export function isToolError(value: JsonValue): value is ToolError {
  return typeof value === "object" && value !== null && "error" in value && typeof value["error"] === "string";
}

const OVER = "the turn is over: nothing more can be done in it";

export const TURN_OVER = toolError(OVER);

/** What went wrong, without a text or secret of anybody. */
export function errorOf(thrown: unknown): ToolError {
  const error = toParleyError(thrown);
  switch (error.code) {
    case "LEASE_LOST":
    case "TURN_CANCELLED":
      return TURN_OVER;
    case "INVARIANT_BROKEN":
      return toolError("the tool failed; nothing is known to have changed");
    default:
      return toolError(`${error.code}: ${error.row.userText}`);
  }
}
