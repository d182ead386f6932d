import type { z } from "zod";
import type { AccessAction } from "../../contracts/access.ts";
import type { TurnFiles, TurnRequest } from "../../contracts/connector.ts";
import type { JsonValue } from "../../contracts/json.ts";
import type { TurnRequests } from "../../contracts/turn-requests.ts";
import type { ReplyPart } from "../../envelope/reply.ts";
import type { RunnableTurn } from "../invoke/runnable-turn.ts";

/** One tool of a turn before it is guarded: what it takes, and what its agent must be allowed here at the moment of each call. */
export interface ToolSpec {
  readonly name: string;
  readonly description: string;
  readonly input: z.ZodType;
  readonly effect: "read" | "write";
  readonly needs: AccessAction;
  /** What the person on whose behalf the turn runs must be allowed here too. Default: the agent's own right is enough. */
  readonly needsOfAsker?: AccessAction;
  /** Largest input as JSON, in characters. Default 65,536. */
  readonly maxInputChars?: number;
  /** Is called with what `input` made of what the agent gave. */
  execute(input: unknown, call: ToolCall): Promise<JsonValue>;
}

export interface ToolCall {
  readonly signal: AbortSignal;
  /** Names the call, equal for all attempts of its turn. */
  readonly key: string;
}

/** What a turn has while it is invoked, for tools that need more than the ledger. */
export interface ToolTurn {
  readonly turn: RunnableTurn;
  readonly request: TurnRequest;
  readonly files: TurnFiles | undefined;
  readonly requests: TurnRequests | undefined;
  /** Adds a part to the reply; it is posted with it. */
  attach(part: ReplyPart): void;
  /** Waits for something that others do; the turn's own clock stands still meanwhile. */
  standStill<T>(wait: () => Promise<T>): Promise<T>;
}
