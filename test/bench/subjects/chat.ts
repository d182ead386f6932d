import { createServer } from "node:http";
import { createSlackAdapter } from "@chat-adapter/slack";
import { createIoRedisState } from "@chat-adapter/state-ioredis";
import { type Adapter, Chat, type StateAdapter } from "chat";
import { readPeerSettings, sayReady } from "./peer-settings.ts";

/** The `chat` package with its Slack adapter and its state in Redis; `queue` is the strategy that drops no message. */
const settings = readPeerSettings();
const silent = {
  child: () => silent,
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: (...args: unknown[]) => console.error(...args),
};
// Both packages are made for `chat`; the one brings its own copy of the types, the other is not written for exact optional properties.
const slack = createSlackAdapter({
  apiUrl: settings.apiUrl,
  botToken: settings.botToken,
  botUserId: settings.botUserId,
  signingSecret: settings.signingSecret,
  logger: silent,
}) as unknown as Adapter;
const state = createIoRedisState({
  url: settings.redisUrl,
  keyPrefix: "bench-chat",
  logger: silent,
}) as unknown as StateAdapter;
const chat = new Chat({
  userName: "parley",
  adapters: { slack },
  state,
  concurrency: { strategy: "queue", maxQueueSize: 1_000 },
  logger: silent,
});
chat.onNewMessage(/\[#[\w-]+\]/, async (thread, message, context) => {
  // What came while the thread was busy is handed over together with the newest message.
  for (const { text } of [...(context?.skipped ?? []), message])
    await thread.post(`Answer to ${/\[#[\w-]+\]/.exec(text)?.[0] ?? ""}.`);
});

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const headers = new Headers();
    for (const [name, value] of Object.entries(request.headers))
      if (typeof value === "string") headers.set(name, value);
    const asked = new Request(`http://127.0.0.1:${settings.port}${request.url ?? "/"}`, {
      method: "POST",
      headers,
      body: Buffer.concat(chunks),
    });
    chat.webhooks
      .slack(asked, {
        waitUntil: (work) => void work.catch((error: unknown) => console.error(error)),
      })
      .then(async (answer) => {
        response.writeHead(answer.status);
        response.end(await answer.text());
      })
      .catch((error: unknown) => {
        console.error(error);
        response.writeHead(500).end();
      });
  });
});
await chat.initialize();
server.listen(settings.port, "127.0.0.1", sayReady);
