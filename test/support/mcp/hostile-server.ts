import type { IncomingMessage, ServerResponse } from "node:http";
import { CountingServer, readBody, writeWithPressure } from "../agents/counting-server.ts";

/** What a server that means harm, or is broken, does when it is asked for its tools or to carry one out. */
export type Mischief =
  | {
      readonly kind: "honest";
      readonly tools: readonly ToolSpec[];
      readonly result?: string;
      readonly isError?: boolean;
    }
  | { readonly kind: "redirect"; readonly to: string }
  | { readonly kind: "status"; readonly status: number }
  | { readonly kind: "silent" }
  /** A list whose every page names a next one. */
  | { readonly kind: "endless_list" }
  | { readonly kind: "endless_stream" }
  | { readonly kind: "huge_result"; readonly sizeBytes: number }
  | { readonly kind: "bomb"; readonly shape: "json" | "events" | "split_events" };

export interface ToolSpec {
  readonly name: string;
  readonly description?: string;
  readonly inputSchema?: unknown;
  readonly annotations?: Readonly<Record<string, boolean>>;
}

interface Rpc {
  readonly id?: number;
  readonly method: string;
  readonly params?: { readonly name?: string; readonly arguments?: unknown };
}

const JSON_TYPE = { "content-type": "application/json" };
const DEEP = "[".repeat(200_000);

/** An MCP server on loopback (revision 2026-07-28, without sessions) that does as a test tells it. */
export class HostileMcpServer {
  readonly calls: { readonly name: string; readonly arguments: unknown }[] = [];
  readonly requests: { readonly method: string; readonly headers: IncomingMessage["headers"] }[] = [];
  #server: CountingServer | undefined;
  mischief: Mischief = { kind: "honest", tools: [] };

  static async start(): Promise<HostileMcpServer> {
    const started = new HostileMcpServer();
    started.#server = await CountingServer.start((request, response) => void started.#serve(request, response));
    return started;
  }

  get server(): CountingServer {
    if (this.#server === undefined) throw new Error("the server is not started");
    return this.#server;
  }

  get url(): string {
    return `${this.server.origin}/mcp`;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const text = await readBody(request);
      const rpc: Rpc = text === "" ? { method: request.method ?? "" } : (JSON.parse(text) as Rpc); // what the client sends is what is tested
      this.requests.push({ method: rpc.method, headers: request.headers });
      await this.#answer(rpc, response);
    } catch {
      response.destroy();
    }
  }

  async #answer(rpc: Rpc, response: ServerResponse): Promise<void> {
    const { mischief } = this;
    if (mischief.kind === "redirect") return void response.writeHead(307, { location: mischief.to }).end();
    if (mischief.kind === "status") return void response.writeHead(mischief.status, JSON_TYPE).end("{}");
    if (mischief.kind === "silent") return;
    if (rpc.id === undefined) return void response.writeHead(202).end();
    if (rpc.method === "server/discover")
      return this.#result(rpc, response, {
        supportedVersions: ["2026-07-28"],
        capabilities: { tools: {} },
        _meta: { "io.modelcontextprotocol/serverInfo": { name: "hostile", version: "1" } },
      });
    if (rpc.method === "tools/list") return this.#list(rpc, response);
    if (rpc.method === "tools/call") return this.#call(rpc, response);
    response.writeHead(400, JSON_TYPE).end("{}");
  }

  #result(rpc: Rpc, response: ServerResponse, result: unknown): void {
    const whole = { resultType: "complete", ttlMs: 0, cacheScope: "private", ...(result as object) }; // built above
    response.writeHead(200, JSON_TYPE).end(JSON.stringify({ jsonrpc: "2.0", id: rpc.id, result: whole }));
  }

  async #list(rpc: Rpc, response: ServerResponse): Promise<void> {
    const { mischief } = this;
    if (mischief.kind === "endless_stream") return endless(response);
    if (mischief.kind === "bomb") return bomb(mischief.shape, rpc, response);
    const tools = mischief.kind === "honest" ? mischief.tools : [{ name: `tool-${this.requests.length}` }];
    this.#result(rpc, response, {
      tools: tools.map((tool) => ({ inputSchema: { type: "object" }, ...tool })),
      ...(mischief.kind === "endless_list" && { nextCursor: `page-${this.requests.length}` }),
    });
  }

  async #call(rpc: Rpc, response: ServerResponse): Promise<void> {
    const { mischief } = this;
    this.calls.push({ name: rpc.params?.name ?? "", arguments: rpc.params?.arguments });
    const text =
      mischief.kind === "huge_result"
        ? "x".repeat(mischief.sizeBytes)
        : mischief.kind === "honest"
          ? (mischief.result ?? "done")
          : "done";
    const isError = mischief.kind === "honest" && mischief.isError === true;
    this.#result(rpc, response, { content: [{ type: "text", text }], isError });
  }

  stop(): Promise<void> {
    return this.server.stop();
  }
}

async function endless(response: ServerResponse): Promise<void> {
  response.writeHead(200, { "content-type": "text/event-stream" });
  const piece = `event: message\ndata: {"jsonrpc":"2.0","method":"notifications/message","params":{"x":"${"y".repeat(8_000)}"}}\n\n`;
  while (await writeWithPressure(response, piece));
}

function bomb(shape: "json" | "events" | "split_events", rpc: Rpc, response: ServerResponse): void {
  const begin = `{"jsonrpc":"2.0","id":${rpc.id},"result":{"tools":`;
  if (shape === "json") response.writeHead(200, JSON_TYPE).end(`${begin}${DEEP}`);
  else {
    const data =
      shape === "events"
        ? `data: ${begin}${DEEP}`
        : [begin, ...(DEEP.match(/.{1,20}/g) ?? [])].map((line) => `data: ${line}`).join("\n");
    response.writeHead(200, { "content-type": "text/event-stream" }).end(`event: message\n${data}\n\n`);
  }
}
