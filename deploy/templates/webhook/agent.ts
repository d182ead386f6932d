import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { text } from "node:stream/consumers";

// Takes signed turns by HTTP (Standard Webhooks) and answers with a stream of lines. No dependency.
const secret = process.env["WEBHOOK_SECRET"] ?? ""; // whsec_…, as Parley showed it once
const port = Number(process.env["PORT"] ?? 3000);
const MAX_AGE_SECONDS = 300;

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await text(request);
  if (!isFromParley(request, body)) {
    response.writeHead(401).end();
    return;
  }
  const { data: turn } = JSON.parse(body);
  response.writeHead(200, { "content-type": "application/x-ndjson" });
  const say = (event: unknown) => response.write(`${JSON.stringify(event)}\n`);
  // Put your own in place of this. `webhook-id` is the same whenever a turn is given again.
  for (const word of `You said: ${turn.trigger.text}`.split(" ")) say({ type: "text_delta", markdown: `${word} ` });
  say({ type: "done" });
  response.end();
}

function isFromParley({ headers }: IncomingMessage, body: string): boolean {
  const { "webhook-id": id, "webhook-timestamp": time, "webhook-signature": signatures } = headers;
  if (Math.abs(Date.now() / 1000 - Number(time)) > MAX_AGE_SECONDS) return false;
  const key = Buffer.from(secret.replace("whsec_", ""), "base64");
  const expected = Buffer.from(
    `v1,${createHmac("sha256", key)
      .update(`${String(id)}.${String(time)}.${body}`)
      .digest("base64")}`,
  );
  return String(signatures)
    .split(" ")
    .some((given) => given.length === expected.length && timingSafeEqual(Buffer.from(given), expected));
}

// A turn that goes wrong is cut off, which Parley tells from an answer; the agent goes on.
const server = createServer((request, response) => void answer(request, response).catch(() => response.destroy()));
server.listen(port, () => process.stdout.write(`Listening on http://localhost:${port}\n`));
