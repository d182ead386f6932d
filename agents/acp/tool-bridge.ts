import { randomBytes, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream as NodeStream } from "node:stream/web";
import type { ToolAccess } from "../../src/contracts/connector.ts";

const MAX_BODY_BYTES = 1_048_576;
/** What an MCP client says of itself in headers; everything else, its authorization first of all, stays here. */
const PASSED_HEADERS = ["content-type", "accept", "mcp-protocol-version", "mcp-session-id", "mcp-method", "mcp-name"];
const ANSWERED_HEADERS = ["content-type", "mcp-session-id", "cache-control"];

/** The place of one session's tools, which the agent is told once; it leads somewhere while a turn is under way. */
export interface ToolDoor {
  readonly url: string;
  readonly token: string;
  /** Opens it onto the tools of a turn, or shuts it. */
  lead(access: ToolAccess | undefined): void;
  /** Whether a tool is at work now, or was since it was asked last: then the agent's silence is not its own. */
  wasAtWork(): boolean;
  remove(): void;
}

interface Door {
  readonly token: string;
  access: ToolAccess | undefined;
  /** Calls under way. */
  atWork: number;
  hasWorked: boolean;
}

/**
 * Parley's tools for agents that are told of tool servers once per session, while each turn has a token of its own.
 *
 * A server on the loopback address alone: what an agent asks there with its session's token goes on to the tools of the turn under way, with that
 * turn's token, which the agent never sees. Between turns there is nothing behind it.
 */
export class ToolBridge {
  readonly #doors = new Map<string, Door>();
  #server: Promise<Server> | undefined;
  #isClosed = false;

  async door(): Promise<ToolDoor> {
    this.#server ??= this.#listen();
    const { port } = (await this.#server).address() as AddressInfo; // it listens on a port
    const name = randomBytes(9).toString("base64url");
    const entry: Door = {
      token: randomBytes(32).toString("base64url"),
      access: undefined,
      atWork: 0,
      hasWorked: false,
    };
    this.#doors.set(name, entry);
    return {
      url: `http://127.0.0.1:${port}/${name}`,
      token: entry.token,
      lead: (access) => {
        entry.access = access;
      },
      wasAtWork: () => {
        const was = entry.atWork > 0 || entry.hasWorked;
        entry.hasWorked = false;
        return was;
      },
      remove: () => this.#doors.delete(name),
    };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#doors.clear();
    const server = await this.#server?.catch(() => undefined);
    this.#server = undefined;
    if (server === undefined) return;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }

  async #listen(): Promise<Server> {
    const server = createServer((request, response) => {
      this.#answer(request, response).catch(() => {
        if (response.headersSent) response.destroy();
        else refuse(response, 502, "the tools cannot be reached");
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    server.unref();
    if (this.#isClosed) server.close();
    return server;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const host = (request.headers.host ?? "").replace(/:\d+$/, "");
    const door = this.#doors.get((request.url ?? "").slice(1));
    if (host !== "127.0.0.1" || request.headers.origin !== undefined || door === undefined)
      return refuse(response, 404, "there is nothing here");
    if (!isToken(request.headers.authorization, door.token))
      return refuse(response, 401, "the token is not of this session");
    const { access } = door;
    if (access === undefined) return refuse(response, 403, "no turn is under way: tools are there while one is");
    const body = await readBody(request);
    if (body === undefined) return refuse(response, 413, `a call may have ${MAX_BODY_BYTES} bytes`);
    if (request.method !== "POST") return await pass({ request, response, access, body: undefined });
    door.atWork += 1;
    try {
      await pass({ request, response, access, body });
    } finally {
      door.atWork -= 1;
      door.hasWorked = true;
    }
  }
}

interface Passage {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly access: ToolAccess;
  readonly body: Buffer | undefined;
}

async function pass({ request, response, access, body }: Passage): Promise<void> {
  const headers = PASSED_HEADERS.flatMap((name): [string, string][] => {
    const value = request.headers[name];
    return typeof value === "string" ? [[name, value]] : [];
  });
  const aborted = new AbortController();
  response.once("close", () => aborted.abort());
  const answer = await fetch(access.url, {
    method: request.method ?? "POST",
    headers: [...headers, ["authorization", `Bearer ${access.token}`]],
    ...(body !== undefined && { body: new Uint8Array(body) }),
    redirect: "error",
    signal: aborted.signal,
  });
  for (const name of ANSWERED_HEADERS) {
    const value = answer.headers.get(name);
    if (value !== null) response.setHeader(name, value);
  }
  response.writeHead(answer.status);
  // The two declarations of the one web stream differ in a detail that is not used here.
  const stream = answer.body as unknown as NodeStream | null;
  if (stream === null) response.end();
  else await pipeline(Readable.fromWeb(stream), response);
}

function isToken(authorization: string | undefined, token: string): boolean {
  const given = Buffer.from(/^Bearer (\S+)$/i.exec(authorization ?? "")?.[1] ?? "");
  const wanted = Buffer.from(token);
  return given.byteLength === wanted.byteLength && timingSafeEqual(given, wanted);
}

async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    // without an encoding a request gives bytes
    sizeBytes += chunk.byteLength;
    if (sizeBytes > MAX_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function refuse(response: ServerResponse, status: number, error: string): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify({ error }));
}
