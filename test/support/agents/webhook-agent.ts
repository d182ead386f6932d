import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import { CountingServer, readBody, writeWithPressure } from "./counting-server.ts";

/** One turn as the agent received it. */
export interface WebhookCall {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  readonly rawBody: string;
  /** The parsed body; undefined when there was none, or no JSON. */
  readonly body: WebhookBody | undefined;
}

export interface WebhookBody {
  readonly type: string;
  readonly reply_url: string;
  readonly data: { readonly turnId: string; readonly trigger: { readonly text: string } };
}

/** What the agent does with a turn. Each is a way a real one behaves or misbehaves. */
export type WebhookBehaviour =
  /** A whole answer with this status, type and body. */
  | {
      readonly kind: "respond";
      readonly status?: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string | Uint8Array;
    }
  /** Reply events one by one; `gate` is awaited before each, `ending` says how the stream ends. */
  | {
      readonly kind: "stream";
      readonly as: "ndjson" | "sse";
      readonly events: readonly unknown[];
      readonly gate?: () => Promise<void>;
      readonly ending?: "end" | "reset" | "hang";
    }
  /** Accepts the turn and says nothing. */
  | { readonly kind: "hang" }
  /** Closes the connection without an answer. */
  | { readonly kind: "crash" }
  /** One byte of a JSON answer every `everyMs`. */
  | { readonly kind: "drip"; readonly everyMs: number }
  /** A body of `sizeBytes` that never makes sense, or makes sense line by line. */
  | {
      readonly kind: "flood";
      readonly contentType: string;
      readonly opening: string;
      readonly piece: string;
      readonly sizeBytes: number;
    }
  /** Answers 202 and posts this body to the reply address, `times` times. */
  | { readonly kind: "defer"; readonly reply: unknown; readonly times: number };

/** A webhook agent as a real HTTP server on loopback that does what a test tells it to. */
export class WebhookAgent {
  readonly calls: WebhookCall[] = [];
  /** Status codes the reply address gave to deferred replies. */
  readonly replyStatuses: number[] = [];
  /** Decides what is done with the next turn. */
  behave: (call: WebhookCall) => WebhookBehaviour | Promise<WebhookBehaviour>;
  #server: CountingServer | undefined;

  private constructor(behave: WebhookAgent["behave"]) {
    this.behave = behave;
  }

  static async start(
    behave: WebhookAgent["behave"] = () => ({ kind: "respond", body: JSON.stringify({ text: "Hello" }) }),
  ): Promise<WebhookAgent> {
    const agent = new WebhookAgent(behave);
    agent.#server = await CountingServer.start((request, response) => void agent.#serve(request, response));
    return agent;
  }

  get server(): CountingServer {
    if (this.#server === undefined) throw new Error("the agent is not started");
    return this.#server;
  }

  get url(): string {
    return `${this.server.origin}/turns`;
  }

  stop(): Promise<void> {
    return this.server.stop();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const rawBody = await readBody(request);
      const isJson = request.headers["content-type"] === "application/json";
      const body = isJson ? (JSON.parse(rawBody) as WebhookBody) : undefined; // what the connector sends is what is tested
      const call: WebhookCall = { method: request.method ?? "", headers: request.headers, rawBody, body };
      if (request.method === "HEAD") {
        response.writeHead(405).end();
        return;
      }
      this.calls.push(call);
      await this.#perform(await this.behave(call), call, response);
    } catch {
      response.destroy();
    }
  }

  async #perform(behaviour: WebhookBehaviour, call: WebhookCall, response: ServerResponse): Promise<void> {
    switch (behaviour.kind) {
      case "respond":
        response.writeHead(behaviour.status ?? 200, { "content-type": "application/json", ...behaviour.headers });
        response.end(behaviour.body);
        return;
      case "stream":
        return stream(behaviour, response);
      case "hang":
        return;
      case "crash":
        response.socket?.resetAndDestroy();
        return;
      case "drip":
        return drip(behaviour.everyMs, response);
      case "flood":
        return flood(behaviour, response);
      case "defer":
        response.writeHead(202).end();
        for (let time = 0; time < behaviour.times; time += 1) {
          const answer = await fetch(call.body?.reply_url ?? "", {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: JSON.stringify(behaviour.reply),
          });
          this.replyStatuses.push(answer.status);
        }
    }
  }
}

async function stream(
  behaviour: Extract<WebhookBehaviour, { kind: "stream" }>,
  response: ServerResponse,
): Promise<void> {
  const isLines = behaviour.as === "ndjson";
  response.writeHead(200, { "content-type": isLines ? "application/x-ndjson" : "text/event-stream; charset=utf-8" });
  response.flushHeaders();
  for (const event of behaviour.events) {
    await behaviour.gate?.();
    const json = JSON.stringify(event);
    if (!(await writeWithPressure(response, isLines ? `${json}\n` : `: keep-alive\nevent: reply\ndata: ${json}\n\n`)))
      return;
  }
  if (behaviour.ending === "hang") return;
  if (behaviour.ending === "reset") response.socket?.destroy();
  else response.end();
}

async function drip(everyMs: number, response: ServerResponse): Promise<void> {
  response.writeHead(200, { "content-type": "application/json" });
  response.flushHeaders();
  const timer = setInterval(() => {
    if (response.destroyed) clearInterval(timer);
    else response.write(" ");
  }, everyMs);
  response.on("close", () => clearInterval(timer));
}

async function flood(behaviour: Extract<WebhookBehaviour, { kind: "flood" }>, response: ServerResponse): Promise<void> {
  response.writeHead(200, { "content-type": behaviour.contentType });
  const block = Buffer.from(behaviour.piece.repeat(Math.max(1, Math.ceil(65_536 / behaviour.piece.length))));
  if (!(await writeWithPressure(response, behaviour.opening))) return;
  for (let sentBytes = 0; sentBytes < behaviour.sizeBytes; sentBytes += block.byteLength) {
    if (!(await writeWithPressure(response, block))) return;
  }
  response.end();
}
