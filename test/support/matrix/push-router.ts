import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** One transaction that the homeserver pushed to an application service. */
export interface Push {
  readonly service: string;
  readonly txnId: string;
  readonly eventIds: readonly string[];
  /** The transaction's JSON. */
  readonly body: string;
  /** What the service said; 0 when it could not be reached. Absent while it has said nothing. */
  status?: number;
  /** After how long it said it. */
  tookMs?: number;
}

interface Route {
  /** Base address of the service. */
  readonly url: string;
  readonly hsToken: string;
}

/**
 * Stands before application services at an address that is known before the homeserver starts, so that one homeserver serves many:
 * `http://127.0.0.1:<port>/<service>` goes to wherever that service is now.
 */
export class PushRouter {
  readonly pushes: Push[] = [];
  readonly #routes = new Map<string, Route>();
  readonly #server: Server;
  #change: (push: Push) => string = ({ body }) => body;
  #port = 0;

  private constructor() {
    this.#server = createServer((request, response) => {
      this.#pass(request, response).catch(() => response.destroy());
    });
  }

  static async start(): Promise<PushRouter> {
    const router = new PushRouter();
    router.#server.listen(0, "127.0.0.1");
    await once(router.#server, "listening");
    router.#port = (router.#server.address() as AddressInfo).port; // a TCP server's address is never a path
    return router;
  }

  /** What a registration says of the service's address. */
  addressOf(service: string): string {
    return `http://127.0.0.1:${this.#port}/${service}`;
  }

  urlOf(service: string): string | undefined {
    return this.#routes.get(service)?.url;
  }

  /** Without a route, pushes are taken and forgotten: the service is none of anybody's business any more. */
  route(service: string, route: Route | undefined): void {
    if (route === undefined) this.#routes.delete(service);
    else this.#routes.set(service, route);
  }

  /** From now on services get something else than what the homeserver pushes: the JSON that `change` makes of it. */
  onPush(change: (push: Push) => string): void {
    this.#change = change;
  }

  /** Pushes a transaction of one's own making, signed as the homeserver signs its own; gives the status. */
  async push(service: string, txnId: string, body: string, token?: string): Promise<number> {
    const route = this.#routes.get(service);
    if (route === undefined) throw new Error(`there is no application service ${service}`);
    const answer = await fetch(`${route.url}/_matrix/app/v1/transactions/${encodeURIComponent(txnId)}`, {
      method: "PUT",
      headers: { authorization: `Bearer ${token ?? route.hsToken}`, "content-type": "application/json" },
      body,
    });
    await answer.arrayBuffer();
    return answer.status;
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }

  async #pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [, service = "", ...rest] = (request.url ?? "").split("/");
    const body = await textOf(request);
    const route = this.#routes.get(service);
    const push = this.#noted(service, rest, body);
    if (route === undefined) {
      response.writeHead(200, { "content-type": "application/json" }).end("{}");
      return;
    }
    // A homeserver that dies hangs up, and so does whatever stands before the service.
    const fromMs = performance.now();
    const hangUp = new AbortController();
    response.once("close", () => hangUp.abort());
    try {
      const answer = await fetch(`${route.url}/${rest.join("/")}`, {
        method: request.method ?? "GET",
        headers: { authorization: request.headers.authorization ?? "", "content-type": "application/json" },
        ...(body === "" ? {} : { body: push === undefined ? body : this.#change(push) }),
        signal: hangUp.signal,
      });
      const text = await answer.text();
      if (push !== undefined) Object.assign(push, { status: answer.status, tookMs: performance.now() - fromMs });
      response.writeHead(answer.status, { "content-type": "application/json" }).end(text);
    } catch {
      if (push !== undefined) push.status = 0;
      response.destroy();
    }
  }

  #noted(service: string, path: readonly string[], body: string): Push | undefined {
    const txnId = /\/transactions\/([^?]+)/u.exec(`/${path.join("/")}`)?.[1];
    if (txnId === undefined) return undefined;
    const { events = [] } = JSON.parse(body) as { events?: { event_id: string }[] }; // the homeserver's own form
    const push: Push = { service, txnId, body, eventIds: events.map((event) => event.event_id) };
    this.pushes.push(push);
    return push;
  }
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer); // no encoding is set
  return Buffer.concat(chunks).toString();
}
