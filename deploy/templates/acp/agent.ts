import { randomUUID } from "node:crypto";
import { createInterface } from "node:readline";

// Speaks the Agent Client Protocol (version 1) on standard input and output: one JSON-RPC message per line. No dependency.
const stopped = new Set<string>();
const send = (message: object) => process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);

for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params } = JSON.parse(line);
  switch (method) {
    case "initialize":
      send({ id, result: { protocolVersion: 1, agentCapabilities: {}, authMethods: [] } });
      break;
    case "session/new":
      send({ id, result: { sessionId: randomUUID() } });
      break;
    case "session/prompt":
      stopped.delete(params.sessionId);
      void answer(params).then((stopReason) => send({ id, result: { stopReason } }));
      break;
    case "session/cancel":
      stopped.add(params.sessionId);
      break;
    default:
      if (id !== undefined) send({ id, error: { code: -32_601, message: `there is no method ${method}` } });
  }
}

async function answer({ sessionId, prompt }: Prompt): Promise<"end_turn" | "cancelled"> {
  const text = prompt.findLast((block) => block.type === "text")?.text ?? "";
  // Who is here and what was said before comes first; the message to answer is the last element.
  const question = [...text.matchAll(/<(message-\w+)[^>]*>\n?([\s\S]*?)\n?<\/\1>/g)].at(-1)?.[2] ?? text;
  // Put your own in place of this.
  for (const word of `You said: ${question}`.split(" ")) {
    if (stopped.has(sessionId)) return "cancelled";
    const update = { sessionUpdate: "agent_message_chunk", content: { type: "text", text: `${word} ` } };
    send({ method: "session/update", params: { sessionId, update } });
    await new Promise((resolve) => setImmediate(resolve));
  }
  return "end_turn";
}

interface Prompt {
  readonly sessionId: string;
  readonly prompt: readonly { readonly type: string; readonly text?: string }[];
}
