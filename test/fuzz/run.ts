import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { readOptions } from "./options.ts";

/** No round takes so long; the worker that says nothing for this time hangs. */
const SILENCE_MS = 60_000;

/** What the worker tells: a round begins or is done, or a target broke. */
export type FuzzReport =
  | { readonly type: "begins"; readonly target: string; readonly seed: number }
  | { readonly type: "done"; readonly target: string; readonly runs: number }
  | { readonly type: "broke"; readonly target: string; readonly seed: number; readonly reason: string }
  | { readonly type: "finished" };

const options = readOptions(process.argv.slice(2));
const worker = new Worker(fileURLToPath(new URL("./worker.ts", import.meta.url)), { workerData: options });
const counts = new Map<string, number>();
let now = "the start";
let watch: NodeJS.Timeout | undefined;

function watchFor(silence: string): void {
  clearTimeout(watch);
  watch = setTimeout(() => end(1, `${silence} hangs`), SILENCE_MS);
}

function end(code: number, line: string): void {
  clearTimeout(watch);
  for (const [target, runs] of counts) process.stdout.write(`${String(runs).padStart(9)}  ${target}\n`);
  process.stdout.write(`${line}\n`);
  process.exit(code);
}

worker.on("message", (report: FuzzReport) => {
  switch (report.type) {
    case "begins":
      now = `--only "${report.target}" --seed ${report.seed}`;
      return watchFor(now);
    case "done":
      counts.set(report.target, (counts.get(report.target) ?? 0) + report.runs);
      return;
    case "broke":
      return end(1, `--only "${report.target}" --seed ${report.seed}\n${report.reason}`);
    case "finished":
      return end(
        0,
        `${[...counts.values()].reduce((sum, runs) => sum + runs, 0)} inputs, none of which broke anything`,
      );
  }
});
worker.on("error", (error) =>
  end(1, `${now}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`),
);
watchFor(now);
