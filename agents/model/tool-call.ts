import type { FlexibleSchema } from "ai";

/** A tool as the model may call it, whoever carries it out. */
export interface ModelTool {
  readonly name: string;
  readonly description: string;
  readonly input: FlexibleSchema<unknown>;
  /** A person must have agreed to exactly this call before it is made. */
  readonly needsApproval: boolean;
  /** Throws ToolFailure with words for the model; whatever else it throws is told by class alone. */
  execute(input: unknown, signal: AbortSignal): Promise<unknown>;
}

/** Why a tool gave no result, in words that the model may read. */
export class ToolFailure extends Error {
  override readonly name = "ToolFailure";
  readonly outcome: "error" | "denied";

  constructor(outcome: "error" | "denied", words: string) {
    super(words);
    this.outcome = outcome;
  }
}
