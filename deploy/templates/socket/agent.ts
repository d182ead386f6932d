import { connectAgent } from "parley/agent";

// Dials in to Parley, so that no public address is needed, and comes back by itself after every drop.
const url = process.env["PARLEY_URL"] ?? "http://localhost:__PORT__";
const token = process.env["PARLEY_TOKEN"] ?? "";

const agent = await connectAgent({ url, token }, async (turn, reply) => {
  reply.status("Thinking");
  // Put your own in place of this. `turn.text` is the question, `turn.transcript` what was said before.
  for (const word of `You said: ${turn.text}`.split(" ")) {
    turn.signal.throwIfAborted(); // people may stop a turn
    reply.text(`${word} `);
  }
  // reply.file(…), reply.approve(…), reply.ask(…) and reply.tools.call(…) are there as well.
});

process.stdout.write(`@${agent.handle} is there.\n`);
await agent.closed;
