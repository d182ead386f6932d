import type { JsonValue } from "../../src/contracts/json.ts";
import type { ReplyPartInput } from "../../src/envelope/reply.ts";
import { AgentClientError } from "./client-error.ts";

/** `callId` is an id of the agent's own, by which two writes are known to be the same one. */
interface Write {
  readonly callId?: string;
}

/** What Parley's tools take. Which of them a turn has is in `turn.tools`; what they answer is in deploy/agents.md. */
export interface ToolInputs {
  readonly conversations: Readonly<Record<string, never>>;
  readonly conversation_history: { readonly conversation: string; readonly limit?: number; readonly before?: string };
  readonly conversation_search: { readonly words: string; readonly limit?: number };
  readonly roster: Readonly<Record<string, never>>;
  readonly agents: Readonly<Record<string, never>>;
  readonly post: Write & { readonly text: string };
  readonly reply_to: Write & { readonly message: string; readonly text: string };
  readonly react: Write & { readonly message: string; readonly reaction: string; readonly remove?: boolean };
  readonly notify_member: Write & { readonly member: string; readonly text: string };
  readonly ask: Write & {
    readonly who: string;
    readonly question: string;
    readonly fields?: Extract<ReplyPartInput, { type: "input_request" }>["fields"];
  };
  readonly documents: Readonly<Record<string, never>>;
  readonly document_read: { readonly name: string };
  readonly document_write: Write & { readonly name: string; readonly revision: number; readonly value: JsonValue };
  readonly schedule: Write & { readonly task: string; readonly inMs?: number; readonly everyMs?: number };
  readonly schedules: Readonly<Record<string, never>>;
  readonly cancel_schedule: Write & { readonly schedule: string };
}

/** The tools of one turn. Membership is checked inside every call. */
export interface TurnTools {
  /** Calls a tool by its name. Throws `refused` with the tool's own words when it did not work. */
  call<Name extends string>(
    name: Name,
    input?: Name extends keyof ToolInputs ? ToolInputs[Name] : unknown,
  ): Promise<JsonValue>;
}

export function createTurnTools(call: (name: string, input: unknown) => Promise<JsonValue>): TurnTools {
  return {
    async call(name, input) {
      const result = await call(name, input ?? {});
      const problem = problemOf(result);
      if (problem !== undefined) throw new AgentClientError("refused", `${name}: ${problem}`);
      return result;
    },
  };
}

/** What a tool answers that did not work is `{ error }`. */
export function problemOf(result: JsonValue): string | undefined {
  if (typeof result !== "object" || result === null || !("error" in result)) return undefined;
  const { error } = result;
  return typeof error === "string" ? error : JSON.stringify(error);
}
