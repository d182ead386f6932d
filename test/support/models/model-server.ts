import { readFile } from "node:fs/promises";
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import { setImmediate } from "node:timers/promises";
import { CountingServer, readBody, writeWithPressure } from "../agents/counting-server.ts";
import { anthropicFrames } from "./anthropic-wire.ts";
import { openAiFrames } from "./openai-wire.ts";

/** One thing the model says or does within an answer. */
export type ModelMove =
  | { readonly text: string }
  | { readonly reasoning: string }
  | { readonly toolCall: { readonly id: string; readonly name: string; readonly input: unknown } }
  | { readonly wait: () => Promise<void> }
  /** The endpoint reports an error within the stream. */
  | { readonly error: { readonly type: string; readonly message: string } };

export type ModelBehaviour =
  | {
      readonly kind: "answer";
      readonly moves: readonly ModelMove[];
      readonly finish?: "stop" | "length" | "tool_calls" | "content_filter";
      readonly usage?: { readonly input: number; readonly output: number };
      /** How the stream ends: properly, by a broken connection, by silence, or cleanly but without its end marks. */
      readonly ending?: "complete" | "reset" | "hang" | "unfinished";
    }
  | {
      readonly kind: "status";
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
    }
  | { readonly kind: "raw"; readonly contentType: string; readonly body: string }
  /**
   * A whole answer in the wire format of its endpoint, sent byte for byte in pieces of so many bytes: one of `streams/`,
   * written after the schemas, or what a real endpoint sent. `cutAtBytes` ends it there, as a dropped connection does.
   */
  | {
      readonly kind: "recorded";
      readonly name: string | URL;
      readonly pieceBytes: number;
      readonly cutAtBytes?: number;
    }
  /** Frames of text without end, up to `sizeBytes`; `line` makes it one line instead. */
  | { readonly kind: "endless"; readonly sizeBytes: number; readonly shape: "frames" | "line" }
  | { readonly kind: "hang" }
  | { readonly kind: "crash" };

export interface ModelCall {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly rawBody: string;
  readonly body: ModelRequestBody;
}

/** The part of both wire formats that tests look at. */
export interface ModelRequestBody {
  readonly model: string;
  readonly stream?: boolean;
  readonly max_tokens?: number;
  readonly system?: unknown;
  readonly tools?: readonly unknown[];
  readonly messages: readonly { readonly role: string; readonly content: unknown }[];
}

/** How a wire format writes an answer as server-sent events. */
export interface Frames {
  readonly opening: readonly string[];
  move(move: Exclude<ModelMove, { wait: () => Promise<void> }>): readonly string[];
  closing(finish: string, usage: { input: number; output: number }): readonly string[];
}

/**
 * A model endpoint on loopback that speaks the real wire formats of OpenAI's chat completions and of Anthropic's messages,
 * and answers as a test tells it to: models themselves cannot run here.
 */
export class ModelServer {
  readonly calls: ModelCall[] = [];
  models: readonly string[] = ["test-model"];
  /** The key that is accepted; every key when undefined. */
  apiKey: string | undefined;
  behave: (call: ModelCall) => ModelBehaviour | Promise<ModelBehaviour>;
  #server: CountingServer | undefined;

  private constructor(behave: ModelServer["behave"]) {
    this.behave = behave;
  }

  static async start(
    behave: ModelServer["behave"] = () => ({ kind: "answer", moves: [{ text: "Hello" }] }),
  ): Promise<ModelServer> {
    const started = new ModelServer(behave);
    started.#server = await CountingServer.start((request, response) => void started.#serve(request, response));
    return started;
  }

  get server(): CountingServer {
    if (this.#server === undefined) throw new Error("the model server is not started");
    return this.#server;
  }

  get baseUrl(): string {
    return `${this.server.origin}/v1`;
  }

  stop(): Promise<void> {
    return this.server.stop();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const path = request.url ?? "";
      const rawBody = await readBody(request);
      if (!this.#isAuthorized(request.headers)) {
        respond(
          response,
          401,
          JSON.stringify({
            error: {
              type: "invalid_request_error",
              code: "invalid_api_key",
              message: `Incorrect API key provided: ${request.headers.authorization ?? ""}`,
            },
          }),
        );
      } else if (path === "/v1/models") {
        respond(
          response,
          200,
          JSON.stringify({ object: "list", data: this.models.map((id) => ({ id, object: "model" })) }),
        );
      } else if (path === "/v1/chat/completions" || path === "/v1/messages") {
        const call: ModelCall = {
          path,
          headers: request.headers,
          rawBody,
          body: JSON.parse(rawBody) as ModelRequestBody,
        }; // what the SDK sends is what is tested
        this.calls.push(call);
        await perform(await this.behave(call), call, response);
      } else {
        respond(response, 404, JSON.stringify({ error: { type: "not_found_error", message: "no such path" } }));
      }
    } catch {
      response.destroy();
    }
  }

  #isAuthorized(headers: IncomingHttpHeaders): boolean {
    return (
      this.apiKey === undefined ||
      headers.authorization === `Bearer ${this.apiKey}` ||
      headers["x-api-key"] === this.apiKey
    );
  }
}

async function perform(behaviour: ModelBehaviour, call: ModelCall, response: ServerResponse): Promise<void> {
  const frames = call.path === "/v1/messages" ? anthropicFrames(call.body.model) : openAiFrames(call.body.model);
  switch (behaviour.kind) {
    case "status":
      respond(response, behaviour.status, behaviour.body ?? "{}", behaviour.headers);
      return;
    case "raw":
      response.writeHead(200, { "content-type": behaviour.contentType }).end(behaviour.body);
      return;
    case "recorded":
      return replay(behaviour, response);
    case "hang":
      return;
    case "crash":
      response.socket?.resetAndDestroy();
      return;
    case "endless":
      return endless(behaviour, frames, response);
    case "answer":
      return answer(behaviour, frames, response);
  }
}

async function answer(
  behaviour: Extract<ModelBehaviour, { kind: "answer" }>,
  frames: Frames,
  response: ServerResponse,
): Promise<void> {
  open(response);
  const write = async (lines: readonly string[]) => {
    for (const line of lines) if (!(await writeWithPressure(response, line))) return;
  };
  await write(frames.opening);
  for (const move of behaviour.moves) {
    if ("wait" in move) await move.wait();
    else await write(frames.move(move));
  }
  if (behaviour.ending === "hang") return;
  if (behaviour.ending === "reset") {
    response.socket?.destroy();
    return;
  }
  const hasToolCall = behaviour.moves.some((move) => "toolCall" in move);
  const finish = behaviour.finish ?? (hasToolCall ? "tool_calls" : "stop");
  if (behaviour.ending !== "unfinished")
    await write(frames.closing(finish, behaviour.usage ?? { input: 10, output: 5 }));
  response.end();
}

async function replay(
  { name, pieceBytes, cutAtBytes }: Extract<ModelBehaviour, { kind: "recorded" }>,
  response: ServerResponse,
): Promise<void> {
  const all = await readFile(typeof name === "string" ? new URL(`./streams/${name}.sse`, import.meta.url) : name);
  const bytes = all.subarray(0, cutAtBytes);
  open(response);
  for (let start = 0; start < bytes.length; start += pieceBytes) {
    if (!(await writeWithPressure(response, bytes.subarray(start, start + pieceBytes)))) return;
    // Each piece leaves by itself, so that its reader meets every boundary.
    await setImmediate();
  }
  if (cutAtBytes === undefined) response.end();
  else response.socket?.destroy();
}

async function endless(
  behaviour: Extract<ModelBehaviour, { kind: "endless" }>,
  frames: Frames,
  response: ServerResponse,
): Promise<void> {
  open(response);
  for (const line of frames.opening) response.write(line);
  const piece =
    behaviour.shape === "line"
      ? "x".repeat(65_536)
      : frames
          .move({ text: "x".repeat(1_000) })
          .join("")
          .repeat(64);
  if (behaviour.shape === "line") response.write('data: {"choices":[{"delta":{"content":"');
  for (let sentBytes = 0; sentBytes < behaviour.sizeBytes; sentBytes += piece.length) {
    if (!(await writeWithPressure(response, piece))) return;
  }
  response.end();
}

function open(response: ServerResponse): void {
  response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
  response.flushHeaders();
}

function respond(
  response: ServerResponse,
  status: number,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(body);
}
