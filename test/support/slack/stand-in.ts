import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Core } from "./core.ts";
import { EventDelivery } from "./events/delivery.ts";
import { EventFanOut } from "./events/fan-out.ts";
import { SocketMode } from "./events/socket-mode.ts";
import type { CallFaults } from "./faults/call-faults.ts";
import type { DeliveryFaults } from "./faults/delivery-faults.ts";
import { control } from "./http/control-route.ts";
import { receiveUpload, sendPrivateFile, sendSignInPage } from "./http/file-routes.ts";
import { authorize, type Consent } from "./http/oauth-route.ts";
import { receiveResponse } from "./http/response-url-route.ts";
import { Gestures } from "./humans/gestures.ts";
import { Load } from "./humans/load.ts";
import { People } from "./humans/people.ts";
import { Setup } from "./humans/setup.ts";
import { type ResolvedOptions, resolveOptions, type StandInOptions } from "./options.ts";
import type { ChannelLog } from "./oracle/channel-log.ts";
import type { DeliveryLog } from "./oracle/delivery-log.ts";
import type { RequestLog } from "./oracle/request-log.ts";
import { WebApi } from "./web-api/dispatch.ts";
import { RateLimits } from "./web-api/rate-limits.ts";

/** Changes the conditions of a run while it lasts. */
export class Conditions {
  readonly #core: Core;
  readonly #api: WebApi;
  readonly #delivery: EventDelivery;
  consent: Consent = {};

  constructor(core: Core, api: WebApi, delivery: EventDelivery) {
    this.#core = core;
    this.#api = api;
    this.#delivery = delivery;
  }

  /** Replaces all faults on the way to the app; `{}` ends them. */
  setDeliveryFaults(faults: DeliveryFaults): void {
    this.#delivery.faults = faults;
  }

  setRateLimits(limits: false | { fraction?: number; burst?: number }): void {
    this.#api.limits =
      limits === false ? undefined : new RateLimits({ fraction: limits.fraction ?? 1, burst: limits.burst ?? 1 });
  }

  /** Slack drops the workspace's events and says so, as above 30,000 an hour; or takes up again. */
  limitEvents(teamId: string, isLimited: boolean): void {
    this.#core.events.limit(teamId, isLimited);
  }

  setMentionOrder(order: "message_first" | "mention_first" | "random"): void {
    this.#core.options.delivery.mentionOrder = order;
  }

  /** How the next visits to the OAuth consent page end. */
  setConsent(consent: Consent): void {
    this.consent = consent;
  }
}

/** A running stand-in. Everything but `core` can also be called over HTTP (see control-client.ts). */
export class SlackStandIn {
  /** Base address, `http://127.0.0.1:<port>`. */
  readonly url: string;
  /** What goes into the SDK's `slackApiUrl`. */
  readonly apiUrl: string;
  readonly setup: Setup;
  readonly people: People;
  readonly gestures: Gestures;
  /** Many questions at once, with the latency of the answers. */
  readonly load: Load;
  /** The oracle: what the platform showed. */
  readonly log: ChannelLog;
  readonly requests: RequestLog;
  readonly deliveries: DeliveryLog;
  readonly faults: CallFaults;
  readonly conditions: Conditions;
  readonly sockets: SocketMode;
  readonly core: Core;
  readonly #parts: Parts;

  constructor(parts: Parts) {
    const { core, api, delivery, sockets } = parts;
    this.#parts = parts;
    this.core = core;
    this.url = core.url;
    this.apiUrl = `${core.url}/api/`;
    this.setup = new Setup(core, delivery);
    this.people = new People(core);
    this.gestures = new Gestures(core, delivery);
    this.load = new Load({
      post: (user, { channel, threadTs }, text) =>
        void this.people.postAs(user, channel, text, threadTs === undefined ? {} : { threadTs }),
      onAppText: (listener) =>
        core.log.onAppend((entry) => {
          if (entry.by === "app" && entry.text !== undefined) listener(entry.text);
        }),
    });
    this.log = core.log;
    this.requests = core.requests;
    this.deliveries = core.deliveries;
    this.faults = api.faults;
    this.conditions = parts.conditions;
    this.sockets = sockets;
  }

  /** Ends every connection; pending deliveries are forgotten. */
  async close(): Promise<void> {
    const { core, delivery, sockets, server } = this.#parts;
    core.stopTimers();
    sockets.close();
    delivery.close();
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
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
      ["deliveries", this.deliveries],
      ["faults", this.faults],
      ["conditions", this.conditions],
      ["sockets", this.sockets],
    ]);
    const target = groups.get(group);
    const member: unknown = target === undefined ? undefined : Reflect.get(target, method);
    if (typeof member !== "function" || method === "constructor") throw new Error(`there is no ${name}`);
    return Reflect.apply(member, target, args);
  }
}

interface Parts {
  readonly core: Core;
  readonly api: WebApi;
  readonly delivery: EventDelivery;
  readonly sockets: SocketMode;
  readonly conditions: Conditions;
  readonly server: Server;
}

/** Starts a stand-in in this process and resolves when it listens on loopback. */
export async function createSlackStandIn(options: StandInOptions = {}): Promise<SlackStandIn> {
  const resolved = resolveOptions(options);
  const core = new Core(resolved);
  const sockets = new SocketMode(core);
  const delivery = new EventDelivery(core, sockets);
  core.events = new EventFanOut(core, delivery);
  const api = new WebApi(core, sockets);
  const conditions = new Conditions(core, api, delivery);
  const server = createServer({ keepAliveTimeout: 120_000, requestTimeout: 0 });
  core.url = await listen(server, resolved);
  const standIn = new SlackStandIn({ core, api, delivery, sockets, conditions, server });
  server.on("request", (request, response) => void route(standIn, api, conditions, request, response));
  server.on("upgrade", (request, socket, head) => sockets.upgrade(request, socket, head));
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
  standIn: SlackStandIn,
  api: WebApi,
  conditions: Conditions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const address = request.url ?? "/";
  const mark = address.indexOf("?");
  const path = mark < 0 ? address : address.slice(0, mark);
  const query = mark < 0 ? "" : address.slice(mark + 1);
  const { core } = standIn;
  try {
    if (path.startsWith("/api/")) await api.handle(path.slice(5), query, request, response);
    else if (path.startsWith("/upload/v1/")) await receiveUpload(core, path.slice(11), request, response);
    else if (path.startsWith("/files-pri/")) sendPrivateFile(core, path, request, response);
    else if (path === "/oauth/v2/authorize") authorize(core, conditions.consent, new URLSearchParams(query), response);
    else if (core.responseUrls.has(path)) await receiveResponse(core, path, request, response);
    else if (path.startsWith("/_control/")) {
      await control((name, args) => standIn.invoke(name, args), path.slice(10), request, response);
    } else if (path === "/") sendSignInPage(response);
    else response.writeHead(404, { "content-type": "text/plain" }).end("Not found");
  } catch (error) {
    // A bug of the stand-in must be loud: the test sees a 500 with the reason instead of Slack's usual answer.
    if (!response.headersSent) response.writeHead(500, { "content-type": "text/plain" });
    response.end(`stand-in failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  }
}
