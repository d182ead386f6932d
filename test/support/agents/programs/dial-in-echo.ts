import { setTimeout as delay } from "node:timers/promises";
import { connectAgent } from "parley/agent";

/** An agent as a stranger would write it: it says again what it is told, word by word. With `mixed` it keeps the words of all turns in one place. */
const isMixed = process.argv.includes("mixed");
let words = "";

const agent = await connectAgent(
  { url: process.env["PARLEY_URL"] ?? "", token: process.env["PARLEY_TOKEN"] ?? "" },
  async (turn, reply) => {
    words = turn.text;
    await delay(20);
    for (const word of (isMixed ? words : turn.text).split(" ")) {
      turn.signal.throwIfAborted();
      reply.text(`${word} `);
      await delay(1);
    }
  },
);
await agent.closed;
