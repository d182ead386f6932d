import type { JsonValue } from "../../src/contracts/json.ts";

/** The tools of one turn. Membership is checked inside every call; a refusal is an AgentClientError `refused` that says why. */
export interface TurnTools {
  /** Calls a tool by its name; what tools there are and what they take is in deploy/agents.md. */
  call(name: string, input?: unknown): Promise<JsonValue>;
}

export function createTurnTools(call: (name: string, input: unknown) => Promise<JsonValue>): TurnTools {
  return { call: (name, input = {}) => call(name, input) };
}
