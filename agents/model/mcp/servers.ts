import { createHash } from "node:crypto";
import { createMCPClient, type MCPClient } from "@ai-sdk/mcp";
import { type FlexibleSchema, jsonSchema } from "ai";
import { toParleyError } from "../../../src/errors/parley-error.ts";
import { raceAbort } from "../../shared/abort.ts";
import type { GuardedHttp } from "../../shared/guarded-http.ts";
import type { Approve, McpServer } from "../config.ts";
import { type ModelTool, ToolFailure } from "../tool-call.ts";
import { createMcpFetch } from "./fetch.ts";
import { resultToText } from "./result.ts";
import { StdioTransport } from "./stdio.ts";

/** Longest time until a server has named its tools, in ms; the turn begins without those of a slower one. */
const CONNECT_TIMEOUT_MS = 5_000;
/** Longest time of one tool call, in ms. */
const CALL_TIMEOUT_MS = 60_000;
const MAX_TOOLS_PER_SERVER = 64;
const MAX_PAGES = 10;
const MAX_DESCRIPTION_CHARS = 1_000;
const MAX_SCHEMA_CHARS = 16_384;
/** Names longer than this are refused by providers. */
const MAX_NAME_CHARS = 64;

export interface McpOptions {
  readonly http: GuardedHttp;
  readonly signal: AbortSignal;
  /** Called for each server whose tools are not there, with the reason by its code: a server's own words may quote what it was sent. */
  readonly onAway: (server: string, code: string) => void;
  /** Folder in which programs are started. */
  readonly folder: string;
}

/** The tools of one turn that come from servers. */
export interface McpTools {
  readonly tools: readonly ModelTool[];
  /** Names of the servers that could not be reached. */
  readonly away: readonly string[];
  /** Ends every connection; never rejects. */
  close(): Promise<void>;
}

type Definition = Awaited<ReturnType<MCPClient["listTools"]>>["tools"][number];

/** Guarantees the tools of all servers that answer in time, under names of their own; a server that does not is named and costs the turn nothing else. */
export async function openMcpTools(servers: readonly McpServer[], options: McpOptions): Promise<McpTools> {
  const clients: MCPClient[] = [];
  const away: string[] = [];
  const found = await Promise.all(
    servers.map(async (server) => {
      try {
        return await raceAbort(openOne(server, options, clients), options.signal);
      } catch (thrown) {
        if (options.signal.aborted) throw thrown;
        options.onAway(server.name, toParleyError(thrown, "AGENT_UNAVAILABLE").code);
        away.push(server.name);
        return [];
      }
    }),
  ).catch(async (thrown: unknown) => {
    await closeAll(clients);
    throw thrown;
  });
  return { tools: found.flat(), away, close: () => closeAll(clients) };
}

async function closeAll(clients: readonly MCPClient[]): Promise<void> {
  await Promise.allSettled(clients.map((client) => client.close()));
}

async function openOne(server: McpServer, options: McpOptions, clients: MCPClient[]): Promise<ModelTool[]> {
  const deadline = AbortSignal.any([options.signal, AbortSignal.timeout(CONNECT_TIMEOUT_MS)]);
  const client = await createMCPClient({
    transport: toTransport(server, options),
    clientName: "parley",
    initializationOptions: { signal: deadline },
    // What cannot be understood is told by the call that waits for it.
    onUncaughtError: () => undefined,
  });
  clients.push(client);
  if (options.signal.aborted) await client.close();
  const definitions = await listDefinitions(client, deadline);
  return definitions
    .filter((definition) => server.tools?.includes(definition.name) ?? true)
    .slice(0, MAX_TOOLS_PER_SERVER)
    .flatMap((definition) => toModelTool(server, definition, client));
}

function toTransport(server: McpServer, options: McpOptions): Parameters<typeof createMCPClient>[0]["transport"] {
  if ("command" in server) return new StdioTransport(server, options.folder);
  const fetch = createMcpFetch({ http: options.http, signal: options.signal, timeoutMs: CALL_TIMEOUT_MS });
  return { type: "http", url: server.url, headers: server.headers, redirect: "error", fetch };
}

/** A list without end is read no further than its first pages. */
async function listDefinitions(client: MCPClient, signal: AbortSignal): Promise<readonly Definition[]> {
  const all: Definition[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const list = await client.listTools({ ...(cursor !== undefined && { params: { cursor } }), options: { signal } });
    all.push(...list.tools);
    cursor = list.nextCursor;
    if (cursor === undefined) break;
  }
  return all;
}

function toModelTool(server: McpServer, definition: Definition, client: MCPClient): readonly ModelTool[] {
  if (JSON.stringify(definition.inputSchema).length > MAX_SCHEMA_CHARS) return [];
  return [
    {
      name: toolName(server.name, definition.name),
      description: describe(server.name, definition),
      // The server checks its own arguments; the schema is the server's word and known to be an object by its shape alone.
      input: jsonSchema(definition.inputSchema as Parameters<typeof jsonSchema>[0]) as FlexibleSchema<unknown>,
      needsApproval: needsApproval(server.approve, definition),
      execute: (input, signal) => callTool(client, definition.name, input, signal),
    },
  ];
}

async function callTool(client: MCPClient, name: string, input: unknown, signal: AbortSignal): Promise<string> {
  const options = { signal, timeout: CALL_TIMEOUT_MS };
  const result = await client.callTool({ name, arguments: toArguments(input), options }).catch(toServersWords);
  const text = resultToText(result);
  if ("isError" in result && result.isError === true) throw new ToolFailure("error", text || "the tool failed");
  return text;
}

/** An error that the server reports by the protocol is an answer to the model; failures of the connection are not. */
function toServersWords(thrown: unknown): never {
  const isReported = thrown instanceof Error && "code" in thrown && typeof thrown.code === "number";
  throw isReported ? new ToolFailure("error", thrown.message) : thrown;
}

function toArguments(input: unknown): Record<string, unknown> {
  return typeof input === "object" && input !== null && !Array.isArray(input) ? { ...input } : {};
}

/** What a server says of its tools is a claim: only "read-only" makes a call free of consent, and only under `writes`. */
function needsApproval(approve: Approve, { annotations }: Definition): boolean {
  if (approve !== "writes") return approve === "always";
  return annotations?.readOnlyHint !== true || annotations.destructiveHint === true;
}

/** Guarantees a name that every provider takes, which tells the server and stays apart from any other. */
function toolName(server: string, tool: string): string {
  const name = `${server}__${tool}`.replace(/[^a-zA-Z0-9_-]/g, "_");
  if (name.length <= MAX_NAME_CHARS) return name;
  const digest = createHash("sha256").update(tool).digest("hex").slice(0, 8);
  return `${name.slice(0, MAX_NAME_CHARS - 9)}_${digest}`;
}

/** The server's words, on one line, short, and marked as its own: they are data, like all that comes from outside. */
function describe(server: string, definition: Definition): string {
  const words = (definition.description ?? definition.title ?? "").replace(/[\p{Cc}\p{Cf}\s<>]+/gu, " ").trim();
  const cut =
    words.length > MAX_DESCRIPTION_CHARS ? `${words.slice(0, MAX_DESCRIPTION_CHARS).toWellFormed()} […]` : words;
  return `Tool of the server "${server}", which describes it so: ${JSON.stringify(cut)}`;
}
