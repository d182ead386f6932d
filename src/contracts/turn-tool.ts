import type { z } from "zod";
import type { JsonValue } from "./json.ts";

/** A function an agent may call during its turn; access is checked inside every call. */
export interface TurnTool {
  readonly name: string;
  readonly description: string;
  readonly input: z.ZodType;
  /** `write` changes something that others can see. Default `read`. */
  readonly effect?: "read" | "write";
  execute(input: unknown, signal: AbortSignal): Promise<JsonValue>;
}
