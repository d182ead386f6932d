import type { PausableClock } from "./pausable-clock.ts";
import type { PreviewDriver } from "./preview-driver.ts";
import type { RunnableTurn } from "./runnable-turn.ts";
import type { Steering } from "./steering.ts";
import type { WorkReaction } from "./work-reactions.ts";
import type { WorkSign } from "./work-sign.ts";

/** A turn in its slot, with everything that shows it and ends it. */
export interface ActiveTurn {
  readonly turn: RunnableTurn;
  readonly controller: AbortController;
  readonly clock: PausableClock;
  readonly steering: Steering;
  preview: PreviewDriver | undefined;
  sign: WorkSign | undefined;
  reaction: WorkReaction | undefined;
  /** Ids of the messages that the agent was given. */
  context: readonly string[];
  /** The line above the answer that says which question it answers; empty where that is plain. */
  questionLine: string;
  text: () => string;
  cancelRequest: string | undefined;
  abandoned: boolean;
  /** Lets the next suspect begin; nothing for a turn that is none. */
  endTrial: () => void;
  done: Promise<void>;
}
