import { setTimeout as pause } from "node:timers/promises";
import { type AgentYield, defineAgent } from "../../../../agents/shared/agent-function.ts";
import { DRIP_MS, type Fault, type FaultyKind, FINE, HALF, NEVER, ODD, SEEN_MS } from "./fault.ts";

export const faultyFunction: FaultyKind = {
  impossible: {
    bad_json: "what a function yields are values, and no bytes that could be broken JSON",
    other_turn: "a function answers where it was called; what it yields names no turn",
  },
  sees: {},
  turnTimeoutMs: 9_000,
  idleTimeoutMs: 5_000,
  async start(fault, { tooLate }) {
    let [isWell, asked] = [false, 0];
    const running = new Set<AbortSignal>();
    const run = defineAgent(async function* (_request, { signal }) {
      asked += 1;
      running.add(signal);
      if (isWell) yield FINE;
      else yield* show(fault, tooLate);
      running.delete(signal);
    });
    return {
      connector: { kind: "function", run },
      recover() {
        isWell = true;
      },
      asked: () => asked,
      // A function that hangs cannot be ended from outside; it counts as left once it was told to stop.
      open: () => [...running].filter((signal) => !signal.aborted).length,
      stop: async () => undefined,
    };
  },
};

async function* show(fault: Fault, tooLate: Promise<void>): AsyncGenerator<AgentYield> {
  switch (fault) {
    case "hang":
      return await new Promise<never>(() => undefined);
    case "drip":
      for (;;) {
        await pause(DRIP_MS);
        yield ".";
      }
    case "crash_midway":
      yield HALF;
      await pause(SEEN_MS);
      yield "it ";
      throw new Error("broken");
    case "bad_schema":
      yield { type: "nonsense" } as unknown as AgentYield; // what a function written without types may give
      return;
    case "odd_characters":
      yield ODD;
      return;
    case "many_parts":
      for (let part = 0; part < 100_000; part += 1) yield { type: "text", markdown: "x" };
      return;
    case "nesting": {
      let nested: unknown = [];
      for (let depth = 0; depth < 100_000; depth += 1) nested = [nested];
      yield { type: "table", rows: nested } as unknown as AgentYield; // as above
      return;
    }
    case "endless":
      for (;;) yield "x".repeat(1_000);
    case "twice":
      yield "once";
      yield { type: "done" };
      yield NEVER;
      yield { type: "done" };
      return;
    case "late":
      await tooLate;
      yield NEVER;
      return;
    case "poison":
      throw new Error("broken by this question each time");
    case "bad_json":
    case "other_turn":
      throw new Error(`no function can show ${fault}`);
  }
}
