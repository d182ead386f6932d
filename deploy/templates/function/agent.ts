import { defineAgent } from "parley/agent";

// Runs in Parley's own process: strings grow the text, objects are parts of the reply. It must not block.
export default defineAgent(async function* (request, io) {
  yield { type: "status", text: "Thinking" };
  // Put your own in place of this. `request.transcript` is what was said before.
  for (const word of `You said: ${request.trigger.text}`.split(" ")) {
    io.signal.throwIfAborted(); // people may stop a turn
    yield `${word} `;
  }
});
