import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import { setImmediate } from "node:timers/promises";
import type { AGUIEvent, RunAgentInput } from "@ag-ui/core";
import { RunAgentInputSchema } from "@ag-ui/core/schemas";
import { EventEncoder } from "@ag-ui/encoder";
import { CountingServer, readBody, writeWithPressure } from "./counting-server.ts";

/** One run as the server received it. */
export interface AguiCall {
  readonly headers: IncomingHttpHeaders;
  readonly rawBody: string;
  readonly input: RunAgentInput;
}

/** An event as a server of whatever version writes it: older ones write what the schema of today has no name for. */
export type AguiServerEvent = AGUIEvent | { readonly type: string; readonly [field: string]: unknown };

/** What the server does with a run. Each is a way a real one behaves or misbehaves. */
export type AguiBehaviour =
  /** Events one by one, by the protocol's own encoder; `gate` is awaited before each, `ending` says how the stream ends. */
  | {
      readonly kind: "run";
      readonly events: readonly AguiServerEvent[];
      readonly gate?: () => Promise<void>;
      readonly ending?: "end" | "reset" | "hang";
    }
  | {
      readonly kind: "respond";
      readonly status: number;
      readonly body?: string;
      readonly headers?: Readonly<Record<string, string>>;
    }
  | { readonly kind: "hang" }
  | { readonly kind: "crash" }
  /** Lines of JSON as a real server sent them, each an event, in pieces of so many bytes. */
  | { readonly kind: "recorded"; readonly lines: readonly string[]; readonly pieceBytes: number }
  /** The same bytes over and over, after an opening. */
  | { readonly kind: "flood"; readonly opening: string; readonly piece: string; readonly sizeBytes: number };

/** An AG-UI server on loopback that takes real runs and answers with what a test tells it to. */
export class AguiAgent {
  readonly calls: AguiCall[] = [];
  behave: (call: AguiCall) => AguiBehaviour | Promise<AguiBehaviour>;
  #server: CountingServer | undefined;

  private constructor(behave: AguiAgent["behave"]) {
    this.behave = behave;
  }

  static async start(behave: AguiAgent["behave"] = () => ({ kind: "run", events: [] })): Promise<AguiAgent> {
    const agent = new AguiAgent(behave);
    agent.#server = await CountingServer.start((request, response) => void agent.#serve(request, response));
    return agent;
  }

  get server(): CountingServer {
    if (this.#server === undefined) throw new Error("the agent is not started");
    return this.#server;
  }

  get url(): string {
    return `${this.server.origin}/run`;
  }

  stop(): Promise<void> {
    return this.server.stop();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      if (request.method === "HEAD") {
        response.writeHead(405).end();
        return;
      }
      const rawBody = await readBody(request);
      // A real server refuses what is no input of a run.
      const input = RunAgentInputSchema.parse(JSON.parse(rawBody)) as RunAgentInput; // generated from the same source
      const call: AguiCall = { headers: request.headers, rawBody, input };
      this.calls.push(call);
      await perform(await this.behave(call), request, response);
    } catch {
      response.destroy();
    }
  }
}

async function perform(behaviour: AguiBehaviour, request: IncomingMessage, response: ServerResponse): Promise<void> {
  switch (behaviour.kind) {
    case "respond":
      response.writeHead(behaviour.status, { "content-type": "application/json", ...behaviour.headers });
      response.end(behaviour.body);
      return;
    case "hang":
      return;
    case "crash":
      response.socket?.resetAndDestroy();
      return;
    case "run":
      return await run(behaviour, request, response);
    case "flood":
      return await flood(behaviour, response);
    case "recorded":
      return await replay(behaviour, response);
  }
}

async function replay(
  { lines, pieceBytes }: Extract<AguiBehaviour, { kind: "recorded" }>,
  response: ServerResponse,
): Promise<void> {
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.flushHeaders();
  const bytes = Buffer.from(lines.map((line) => `data: ${line}\n\n`).join(""));
  for (let start = 0; start < bytes.length; start += pieceBytes) {
    if (!(await writeWithPressure(response, bytes.subarray(start, start + pieceBytes)))) return;
    // Each piece leaves by itself, so that its reader meets every boundary.
    await setImmediate();
  }
  response.end();
}

async function run(
  behaviour: Extract<AguiBehaviour, { kind: "run" }>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const encoder = new EventEncoder({ accept: request.headers.accept ?? "" });
  response.writeHead(200, { "content-type": encoder.getContentType() });
  response.flushHeaders();
  for (const event of behaviour.events) {
    await behaviour.gate?.();
    if (!(await writeWithPressure(response, encoder.encodeSSE(event as AGUIEvent)))) return; // the encoder writes any event as it is
  }
  if (behaviour.ending === "hang") return;
  if (behaviour.ending === "reset") response.socket?.destroy();
  else response.end();
}

async function flood(behaviour: Extract<AguiBehaviour, { kind: "flood" }>, response: ServerResponse): Promise<void> {
  response.writeHead(200, { "content-type": "text/event-stream" });
  if (!(await writeWithPressure(response, behaviour.opening))) return;
  const block = Buffer.from(behaviour.piece.repeat(Math.max(1, Math.ceil(65_536 / behaviour.piece.length))));
  for (let sentBytes = 0; sentBytes < behaviour.sizeBytes; sentBytes += block.byteLength) {
    if (!(await writeWithPressure(response, block))) return;
  }
  response.end();
}
