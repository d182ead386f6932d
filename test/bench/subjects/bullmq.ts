import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";
import { Queue, Worker } from "bullmq";
import { Agent, request } from "undici";
import { readPeerSettings, sayReady } from "./peer-settings.ts";

/** BullMQ as its documentation begins: one job per event, added before the acknowledgement, worked on in no order. */
interface Question {
  readonly channel: string;
  readonly threadTs: string;
  readonly text: string;
}

const settings = readPeerSettings();
const location = new URL(settings.redisUrl);
const connection = { host: location.hostname, port: Number(location.port), maxRetriesPerRequest: null };
const queue = new Queue<Question>("bench-raw", {
  connection,
  defaultJobOptions: { removeOnComplete: true, removeOnFail: true },
});
const agent = new Agent({ connections: 64 });
const worker = new Worker<Question>(
  "bench-raw",
  async ({ data }) => {
    const answer = await request(new URL("chat.postMessage", settings.apiUrl), {
      dispatcher: agent,
      method: "POST",
      headers: { authorization: `Bearer ${settings.botToken}`, "content-type": "application/json; charset=utf-8" },
      body: JSON.stringify({
        channel: data.channel,
        thread_ts: data.threadTs,
        text: `Answer to ${/\[#[\w-]+\]/.exec(data.text)?.[0] ?? ""}.`,
      }),
    });
    await answer.body.dump();
  },
  { connection, concurrency: 64 },
);
worker.on("error", (error) => console.error(error));

const server = createServer((incoming, response) => {
  const chunks: Buffer[] = [];
  incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
  incoming.on(
    "end",
    () => void take(Buffer.concat(chunks), incoming.headers).then((status) => response.writeHead(status).end()),
  );
});

async function take(body: Buffer, headers: NodeJS.Dict<string | string[]>): Promise<number> {
  const timestamp = String(headers["x-slack-request-timestamp"]);
  const expected = createHmac("sha256", settings.signingSecret).update(`v0:${timestamp}:`).update(body).digest("hex");
  const given = Buffer.from(String(headers["x-slack-signature"]));
  const wanted = Buffer.from(`v0=${expected}`);
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) return 401;
  // Signed by the stand-in, whose events have this form.
  const { event } = JSON.parse(body.toString("utf8")) as {
    event: { type: string; channel: string; ts: string; thread_ts?: string; text: string; bot_id?: string };
  };
  if (event.type !== "message" || event.bot_id !== undefined) return 200;
  await queue.add("question", { channel: event.channel, threadTs: event.thread_ts ?? event.ts, text: event.text });
  return 200;
}

await Promise.all([queue.waitUntilReady(), worker.waitUntilReady()]);
server.listen(settings.port, "127.0.0.1", sayReady);
