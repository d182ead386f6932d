import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { control } from "../slack/http/control-route.ts";
import { Load } from "../slack/humans/load.ts";
import { Core } from "./core.ts";
import type { CallFaults } from "./faults/call-faults.ts";
import type { FrameFaults } from "./faults/frame-faults.ts";
import { FanOut } from "./gateway/fan-out.ts";
import { Gateway } from "./gateway/gateway.ts";
import { sendFile } from "./http/cdn-route.ts";
import { Gestures } from "./humans/gestures.ts";
import { People } from "./humans/people.ts";
import { Setup } from "./humans/setup.ts";
import { type ResolvedOptions, resolveOptions, type StandInOptions } from "./options.ts";
import type { GuildLog } from "./oracle/guild-log.ts";
import type { RequestLog } from "./oracle/request-log.ts";
import { RestApi } from "./rest/dispatch.ts";
import { RateLimits } from "./rest/rate-limits.ts";

/** Changes the conditions of a run while it lasts. */
export class Conditions {
  readonly #core: Core;
  readonly #api: RestApi;

  constructor(core: Core, api: RestApi) {
    this.#core = core;
    this.#api = api;
  }

  setRateLimits(limits: false | { fraction?: number }): void {
    this.#api.limits = limits === false ? undefined : new RateLimits(limits.fraction ?? 1);
  }

  /** The bot's token is replaced, as by a press in the developer portal; returns the new one. Open sessions go on. */
  resetToken(applicationId: string): string {
    const application = this.#core.application(applicationId);
    this.#core.world.replaceToken(application, this.#core.world.newBotToken(application.botUserId));
    return application.botToken;
  }
}

/** A running stand-in. Everything but `core` can also be called over HTTP (see control-client.ts). */
export class DiscordStandIn {
  /** Base address, `http://127.0.0.1:<port>`. */
  readonly url: string;
  /** What goes into the SDK's `rest.api`. */
  readonly apiUrl: string;
  /** Where the addresses of files begin. */
  readonly cdnUrl: string;
  readonly setup: Setup;
  readonly people: People;
  readonly gestures: Gestures;
  /** Many questions at once, with the latency of the answers. */
  readonly load: Load;
  /** The oracle: what the platform showed. */
  readonly log: GuildLog;
  readonly requests: RequestLog;
  /** What goes wrong with REST calls. */
  readonly faults: CallFaults;
  readonly gateway: Gateway;
  /** What goes wrong with dispatches. */
  readonly frames: FrameFaults;
  readonly conditions: Conditions;
  readonly core: Core;
  readonly #server: Server;

  constructor(parts: { core: Core; api: RestApi; gateway: Gateway; server: Server }) {
    const { core, api, gateway, server } = parts;
    this.core = core;
    this.url = core.url;
    this.apiUrl = `${core.url}/api`;
    this.cdnUrl = `${core.url}/cdn`;
    this.setup = new Setup(core);
    this.people = new People(core);
    this.gestures = new Gestures(core);
    this.load = new Load({
      post: (user, { channel, threadTs }, text) => void this.people.postAs(user, threadTs ?? channel, text),
      onAppText: (listener) =>
        core.log.onAppend((entry) => {
          if ((entry.by === "app" || entry.by === "webhook") && entry.text !== undefined) listener(entry.text);
        }),
    });
    this.log = core.log;
    this.requests = core.requests;
    this.faults = api.faults;
    this.gateway = gateway;
    this.frames = gateway.faults;
    this.conditions = new Conditions(core, api);
    this.#server = server;
  }

  /** Ends every connection; what was to happen later is forgotten. */
  async close(): Promise<void> {
    this.core.stopTimers();
    this.gateway.close();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  /** Calls `group.method` with JSON arguments: what the control route and its client use. */
  invoke(name: string, args: unknown[]): unknown {
    const [group = "", method = ""] = name.split(".");
    const groups = new Map<string, object>([
      ["setup", this.setup],
      ["people", this.people],
      ["gestures", this.gestures],
      ["load", this.load],
      ["log", this.log],
      ["requests", this.requests],
      ["faults", this.faults],
      ["gateway", this.gateway],
      ["frames", this.frames],
      ["conditions", this.conditions],
    ]);
    const target = groups.get(group);
    const member: unknown = target === undefined ? undefined : Reflect.get(target, method);
    if (typeof member !== "function" || method === "constructor") throw new Error(`there is no ${name}`);
    return Reflect.apply(member, target, args);
  }
}

/** Starts a stand-in in this process and resolves when it listens on loopback. */
export async function createDiscordStandIn(options: StandInOptions = {}): Promise<DiscordStandIn> {
  const resolved = resolveOptions(options);
  const core = new Core(resolved);
  const gateway = new Gateway(core);
  core.events = new FanOut(core, gateway);
  const api = new RestApi(core, gateway);
  const server = createServer({ keepAliveTimeout: 120_000, requestTimeout: 0 });
  core.url = await listen(server, resolved);
  const standIn = new DiscordStandIn({ core, api, gateway, server });
  server.on("request", (request, response) => void route(standIn, api, request, response));
  server.on("upgrade", (request, socket, head) => {
    if (request.url?.startsWith("/gateway") === true) gateway.upgrade(request, socket, head);
    else socket.end("HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n");
  });
  return standIn;
}

function listen(server: Server, options: ResolvedOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host, () => {
      // Of a TCP server the address is never a path.
      const { port } = server.address() as AddressInfo;
      resolve(`http://${options.host}:${port}`);
    });
  });
}

async function route(
  standIn: DiscordStandIn,
  api: RestApi,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const address = request.url ?? "/";
  const mark = address.indexOf("?");
  const path = mark < 0 ? address : address.slice(0, mark);
  const query = mark < 0 ? "" : address.slice(mark + 1);
  try {
    const versioned = /^\/api(?:\/v(?:9|10))?(\/.*)$/u.exec(path);
    if (versioned !== null) await api.handle(versioned[1] ?? "/", query, request, response);
    else if (path.startsWith("/cdn/")) sendFile(standIn.core, path.slice(4), new URLSearchParams(query), response);
    else if (path.startsWith("/_control/")) {
      await control((name, args) => standIn.invoke(name, args), path.slice(10), request, response);
    } else response.writeHead(404, { "content-type": "text/plain" }).end("Not found");
  } catch (error) {
    // A bug of the stand-in must be loud: the test sees a 500 with the reason instead of Discord's usual answer.
    if (!response.headersSent) response.writeHead(500, { "content-type": "text/plain" });
    response.end(`stand-in failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  }
}
