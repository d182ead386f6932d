import { AsyncLocalStorage, createHook } from "node:async_hooks";

/** Timers that the adapters' own code set and that neither fired nor were cleared, unreferenced ones included. */
export interface TimerWatch {
  /** Runs work whose timers are watched, also those that it sets later. */
  run<T>(work: () => T): T;
  /** Where each living timer was set. */
  living(): readonly string[];
  stop(): void;
}

/** Node tells of referenced timers alone, so this one listens to their making. */
export function watchTimers(): TimerWatch {
  const scope = new AsyncLocalStorage<true>();
  const timers = new Map<number, string>();
  const hook = createHook({
    init(id, type) {
      if (type !== "Timeout" || scope.getStore() === undefined) return;
      const place = callerOf(new Error("timer").stack ?? "");
      if (place !== undefined) timers.set(id, place);
    },
    destroy(id) {
      timers.delete(id);
    },
  });
  hook.enable();
  return {
    run: (work) => scope.run(true, work),
    living: () => [...timers.values()],
    stop: () => hook.disable(),
  };
}

/** The first frame outside of Node, if that is an adapter's; timers of libraries end with their sockets. */
function callerOf(stack: string): string | undefined {
  const frame = stack
    .split("\n")
    .slice(1)
    .find((line) => !line.includes("node:") && !line.includes("/watch-timers."));
  return frame?.includes("/adapters/") && !frame.includes("/node_modules/") && !frame.includes("/test/")
    ? frame.trim()
    : undefined;
}
