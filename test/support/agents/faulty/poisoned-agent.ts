import { setTimeout as pause } from "node:timers/promises";
import { defineAgent } from "../../../../agents/shared/agent-function.ts";

/** How long it takes for what it is to do slowly, in ms: longer than a process lives that is asked about poison. */
const SLOW_MS = 8_000;
/** How long it takes until it notices poison, in ms: what came with it has begun by then. */
const NOTICED_AFTER_MS = 1_500;

/** A module of an agent that takes its process along whenever it is asked about poison; everything else it answers. */
export default defineAgent(async (request) => {
  const { text } = request.trigger;
  if (text.includes("slowly")) await pause(SLOW_MS);
  if (text.includes("poison")) {
    await pause(NOTICED_AFTER_MS);
    process.kill(process.pid, "SIGKILL");
  }
  return "as ever";
});
