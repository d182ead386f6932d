import { setTimeout as delay } from "node:timers/promises";
import { connectAgent } from "parley/agent";

/** An agent as a stranger would write it: it says again what it is told, word by word, and a story slowly unless it is `hasty`. With `mixed` it keeps the words of all turns in one place. */
const isHasty = process.argv.includes("hasty");
const isMixed = process.argv.includes("mixed");
let words = "";

const agent = await connectAgent(
  { url: process.env["PARLEY_URL"] ?? "", token: process.env["PARLEY_TOKEN"] ?? "" },
  async (turn, reply) => {
    words = turn.text;
    await delay(turn.text.includes("story") && !isHasty ? 400 : 20, undefined, { signal: turn.signal });
    const said = isMixed ? words : turn.text;
    if (isHasty || said.length > 10_000) return said;
    for (const word of said.split(" ")) {
      turn.signal.throwIfAborted();
      reply.text(`${word} `);
      await delay(1);
    }
    return undefined;
  },
);
await agent.closed;
