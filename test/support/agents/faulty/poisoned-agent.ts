import { defineAgent } from "../../../../agents/shared/agent-function.ts";

/** A module of an agent that takes its process along whenever it is asked about poison; everything else it answers. */
export default defineAgent(async (request) => {
  if (request.trigger.text.includes("poison")) process.kill(process.pid, "SIGKILL");
  return "as ever";
});
