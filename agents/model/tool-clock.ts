/** How often the turn is told that a tool is at work, in ms; less than the shortest silence that is taken for one. */
const EXCUSE_EVERY_MS = 250;

/** Knows whether tools are at work: then the model is silent because it waits for them, and their own limits hold. */
export interface ToolClock {
  /** A tool begins; call what it gives when the tool has ended. */
  begin(): () => void;
  /** Whether one is at work, or was since this was asked last: the model has its whole time from the result on. */
  readonly isBusy: () => boolean;
}

/** Guarantees that `notSilent` is called while a tool is at work. */
export function createToolClock(notSilent: (() => void) | undefined): ToolClock {
  let atWork = 0;
  let hasWorked = false;
  let excuse: NodeJS.Timeout | undefined;
  return {
    begin() {
      atWork += 1;
      if (notSilent !== undefined) excuse ??= setInterval(notSilent, EXCUSE_EVERY_MS).unref();
      let hasEnded = false;
      return () => {
        if (hasEnded) return;
        hasEnded = true;
        hasWorked = true;
        atWork -= 1;
        if (atWork > 0) return;
        clearInterval(excuse);
        excuse = undefined;
        notSilent?.();
      };
    },
    isBusy: () => {
      const isSo = atWork > 0 || hasWorked;
      hasWorked = false;
      return isSo;
    },
  };
}
