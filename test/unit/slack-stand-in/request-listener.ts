import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** A request as an app's endpoint got it. */
export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly at: number;
}

/** How the endpoint answers; undefined = it never does. */
export type Answer = { status?: number; body?: string; headers?: Record<string, string> } | undefined;

/** An app's HTTP endpoint that records what it gets and answers as told. */
export class RequestListener {
  readonly received: Received[] = [];
  answer: (request: Received) => Answer = () => ({});
  readonly #server: Server;
  readonly #waiters: { count: number; resolve: () => void }[] = [];

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<RequestListener> {
    const server = createServer();
    const listener = new RequestListener(server);
    server.on("request", (request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const body = Buffer.concat(chunks).toString("utf8");
        const received = { path: request.url ?? "", headers: request.headers, body, at: performance.now() };
        listener.received.push(received);
        const answer = listener.answer(received);
        if (answer !== undefined) response.writeHead(answer.status ?? 200, answer.headers ?? {}).end(answer.body ?? "");
        for (const waiter of listener.#waiters) if (listener.received.length >= waiter.count) waiter.resolve();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return listener;
  }

  get url(): string {
    // Of a listening TCP server the address is never a path.
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}/slack/events`;
  }

  /** Resolves once that many requests have come. */
  async count(count: number): Promise<Received[]> {
    if (this.received.length < count) await new Promise<void>((resolve) => this.#waiters.push({ count, resolve }));
    return this.received;
  }

  /** The events received so far, unwrapped, in order. */
  events(): Record<string, unknown>[] {
    return this.received.map((one) => JSON.parse(one.body) as Record<string, unknown>);
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }
}
