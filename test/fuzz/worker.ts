import { parentPort, workerData } from "node:worker_threads";
import type { FuzzOptions } from "./options.ts";
import { PARSER_TARGETS } from "./parser-targets.ts";
import { RENDERER_TARGETS } from "./renderer-targets.ts";
import type { FuzzReport } from "./run.ts";

/** Inputs of one target in a row, before the next one has its turn. */
const RUNS_PER_ROUND = 40;

const options = workerData as FuzzOptions; // given by run.ts
const tell = (report: FuzzReport): void => parentPort?.postMessage(report);
const targets = [...PARSER_TARGETS, ...RENDERER_TARGETS].filter(
  ({ name }) => options.only.length === 0 || options.only.some((beginning) => name.startsWith(beginning)),
);

function fuzz(): void {
  const until = Date.now() + options.seconds * 1_000;
  for (let seed = options.seed; ; seed++) {
    for (const { name, run } of targets) {
      if (Date.now() >= until) return tell({ type: "finished" });
      tell({ type: "begins", target: name, seed });
      try {
        run(RUNS_PER_ROUND, seed);
      } catch (error) {
        const cause =
          error instanceof Error && error.cause instanceof Error ? (error.cause.stack ?? error.cause.message) : "";
        const reason =
          error instanceof Error ? `${error.message}\n${cause}` : "no error was thrown, but something else";
        return tell({ type: "broke", target: name, seed, reason: reason.slice(0, 5_000) });
      }
      tell({ type: "done", target: name, runs: RUNS_PER_ROUND });
    }
  }
}

fuzz();
