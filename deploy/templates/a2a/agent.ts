import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { json } from "node:stream/consumers";

// Speaks A2A 1.0 (JSON-RPC over HTTP, with streaming), found by its card. No dependency; @a2a-js/sdk does more.
const port = Number(process.env["PORT"] ?? 3000);
const url = `http://localhost:${port}/`;

const card = {
  name: "__NAME__",
  description: "Says again what it is told",
  version: "1.0.0",
  supportedInterfaces: [{ url, protocolBinding: "JSONRPC", protocolVersion: "1.0" }],
  capabilities: { streaming: true },
  defaultInputModes: ["text/plain"],
  defaultOutputModes: ["text/plain"],
  skills: [{ id: "echo", name: "Echo", description: "Says again what it is told", tags: ["echo"] }],
};

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.url === "/.well-known/agent-card.json") return answerJson(response, card);
  const { id, method, params } = (await json(request)) as Call; // JSON-RPC; what is no such call fails below
  if (method === "SendMessage")
    return answerJson(response, { jsonrpc: "2.0", id, result: { message: messageOf(params) } });
  if (method === "SendStreamingMessage") return stream(response, id, params);
  return answerJson(response, {
    jsonrpc: "2.0",
    id,
    error: { code: -32_601, message: `there is no method ${method}` },
  });
}

/** Put your own in place of this. What belongs to one conversation has one contextId. */
function wordsFor(question: string): string[] {
  return `You said: ${question}`.split(" ").map((word) => `${word} `);
}

function stream(response: ServerResponse, id: unknown, params: Call["params"]): void {
  const contextId = params.message.contextId ?? randomUUID();
  const taskId = randomUUID();
  const artifactId = randomUUID();
  response.writeHead(200, { "content-type": "text/event-stream" });
  const say = (result: unknown) => response.write(`data: ${JSON.stringify({ jsonrpc: "2.0", id, result })}\n\n`);
  say({ task: { id: taskId, contextId, status: { state: "TASK_STATE_WORKING" } } });
  const words = wordsFor(questionOf(params));
  for (const [index, text] of words.entries()) {
    const artifact = { artifactId, parts: [{ text }] };
    say({ artifactUpdate: { taskId, contextId, artifact, append: index > 0, lastChunk: index === words.length - 1 } });
  }
  say({ statusUpdate: { taskId, contextId, status: { state: "TASK_STATE_COMPLETED" } } });
  response.end();
}

function messageOf(params: Call["params"]): unknown {
  const contextId = params.message.contextId ?? randomUUID();
  return {
    messageId: randomUUID(),
    contextId,
    role: "ROLE_AGENT",
    parts: [{ text: wordsFor(questionOf(params)).join("") }],
  };
}

function questionOf({ message }: Call["params"]): string {
  return message.parts.findLast(({ text }) => text !== undefined)?.text ?? "";
}

function answerJson(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(value));
}

interface Call {
  readonly id: unknown;
  readonly method: string;
  readonly params: {
    readonly message: { readonly contextId?: string; readonly parts: readonly { readonly text?: string }[] };
  };
}

const server = createServer((request, response) => void answer(request, response).catch(() => response.destroy()));
server.listen(port, () => process.stdout.write(`Listening on ${url}\n`));
