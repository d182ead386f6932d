/** Bounds of talk between agents; a person's message starts a new count. */
export interface LoopLimits {
  /** Most agent-to-agent steps since the last human message. Default 4. */
  readonly maxHops: number;
  /** Most turns of one agent caused by one other agent or bot within the window. Default 6. */
  readonly maxPairTurns: number;
  /** Window of the pair budget in ms. Default 60,000. */
  readonly pairWindowMs: number;
  /** Most turns one human message may cause in all. Default 16. */
  readonly turnBudget: number;
}

export const DEFAULT_LOOP_LIMITS: LoopLimits = { maxHops: 4, maxPairTurns: 6, pairWindowMs: 60_000, turnBudget: 16 };

/** What the ledger knows of the talk so far. */
export interface LoopFacts {
  readonly hopCount: number;
  /** Turns of this agent caused by this sender within the window. */
  readonly pairTurns: number;
  /** Turns that go back to the same human message. */
  readonly rootTurns: number;
}

export type LoopRule = "hop_limit" | "pair_budget" | "turn_budget";

/** Names the bound that one more turn would break, or nothing. Pure. */
export function checkLoop(facts: LoopFacts, limits: LoopLimits): LoopRule | undefined {
  if (facts.hopCount > limits.maxHops) return "hop_limit";
  if (facts.pairTurns >= limits.maxPairTurns) return "pair_budget";
  if (facts.rootTurns >= limits.turnBudget) return "turn_budget";
  return undefined;
}
