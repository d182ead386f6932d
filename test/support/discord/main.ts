import type { StandInOptions } from "./options.ts";
import { createDiscordStandIn } from "./stand-in.ts";

/**
 * Runs the stand-in as its own process: `node test/support/discord/main.ts '{"port": 4000}'`.
 *
 * Prints `{"url": …}` as its first line; ends on SIGTERM, SIGINT or when its standard input closes, so that it never
 * outlives the test that started it.
 */
const options = JSON.parse(process.argv[2] ?? "{}") as StandInOptions; // an object of settings, checked by their types in the caller
const standIn = await createDiscordStandIn(options);
process.stdout.write(`${JSON.stringify({ url: standIn.url, pid: process.pid })}\n`);

let isEnding = false;
function end(): void {
  if (isEnding) return;
  isEnding = true;
  void standIn.close().finally(() => process.exit(0));
}
process.on("SIGTERM", end);
process.on("SIGINT", end);
if (!process.stdin.isTTY) process.stdin.on("end", end).on("error", end).resume();
