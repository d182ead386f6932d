import { ParleyError } from "../../errors/parley-error.ts";

/** The time that an agent has: a deadline for all of it and a longest silence, both of which stand still while people are asked. */
export interface PausableClock {
  /** Begins to count; until then nothing runs out. */
  start(): void;
  /** The agent said something. */
  touch(): void;
  /** Stops the time until the returned function is called; several pauses may overlap. */
  pause(): () => void;
  /** What is left until the deadline, in ms; never negative. */
  remainingMs(): number;
  readonly paused: boolean;
  /** Nothing runs out any more. */
  stop(): void;
}

export interface ClockLimits {
  readonly deadlineMs: number;
  readonly idleTimeoutMs: number;
  readonly onDeadline: () => void;
  readonly onIdle: () => void;
  /** Default: a clock that nobody can set. */
  readonly now?: () => number;
}

/** Creates the clock of one invocation. */
export function createPausableClock(limits: ClockLimits): PausableClock {
  const now = limits.now ?? (() => performance.now());
  let leftMs = limits.deadlineMs;
  let idleLeftMs = limits.idleTimeoutMs;
  let sinceMs = now();
  let running = false;
  let stopped = false;
  let pauses = 0;
  let deadline: NodeJS.Timeout | undefined;
  let idle: NodeJS.Timeout | undefined;

  function run(): void {
    if (running || stopped || pauses > 0) return;
    running = true;
    sinceMs = now();
    deadline = setTimeout(limits.onDeadline, leftMs);
    idle = setTimeout(limits.onIdle, idleLeftMs);
  }

  function hold(): void {
    clearTimeout(deadline);
    clearTimeout(idle);
    if (!running) return;
    running = false;
    leftMs = Math.max(0, leftMs - (now() - sinceMs));
    // Whoever waited for people was not silent.
    idleLeftMs = limits.idleTimeoutMs;
  }

  return {
    start: run,
    touch() {
      // A timer that was cleared would begin again.
      if (running) idle?.refresh();
    },
    pause() {
      hold();
      pauses += 1;
      let resumed = false;
      return () => {
        if (resumed) return;
        resumed = true;
        pauses -= 1;
        run();
      };
    },
    remainingMs: () => (running ? Math.max(0, leftMs - (now() - sinceMs)) : leftMs),
    get paused() {
      return pauses > 0;
    },
    stop() {
      hold();
      stopped = true;
    },
  };
}

/** The clock of a turn, which aborts it with AGENT_TIMEOUT when its time is over. */
export function createTurnClock(
  controller: AbortController,
  { deadlineMs, idleTimeoutMs }: { readonly deadlineMs: number; readonly idleTimeoutMs: number },
): PausableClock {
  const abort = (detail: string) => () => controller.abort(new ParleyError("AGENT_TIMEOUT", { detail }));
  return createPausableClock({
    deadlineMs,
    idleTimeoutMs,
    onDeadline: abort(`no reply within ${deadlineMs} ms`),
    onIdle: abort(`silent for ${idleTimeoutMs} ms`),
  });
}
