import { once } from "node:events";
import { Agent, createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { type CallEntry, CallLog } from "./call-log.ts";
import { CALLS, type Call, type CallMatch, isMatch } from "./call-match.ts";
import { type Fault, Faults } from "./faults.ts";

const PAGE = "<!doctype html><title>Maintenance</title><p>We will be back soon.</p>";

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

type Change = (answer: Buffer) => Buffer | string;

export interface FaultProxy {
  /** Without a slash at the end. */
  readonly url: string;
  readonly port: number;
  readonly log: CallLog;
  /** Strikes calls from now on; gives back how to call the fault off. */
  strike(fault: Fault): () => void;
  /** Told of every call as soon as its answer is known, before the caller gets it. */
  onAnswer(listener: (entry: CallEntry) => void): void;
  /** Changes a call's query on its way, for a homeserver that hands out something again. */
  redirect(change: (call: Call) => void): void;
  /**
   * Ends a call that the homeserver holds open (the next one, when there is none now): it is asked for what it has at once, and its
   * answer is changed.
   */
  interrupt(match: CallMatch, change: Change): void;
  /** Connections that are open now. */
  connections(): number;
  /** From now on nobody listens at the address. */
  goOffline(): Promise<void>;
  goOnline(): Promise<void>;
  close(): Promise<void>;
}

/** Stands between a client and a homeserver on a port of its own, passes everything on, and strikes what it is told to. */
export async function startFaultProxy(target: () => string): Promise<FaultProxy> {
  const proxy = new Proxy(target);
  await proxy.listen(0);
  return proxy;
}

class Proxy implements FaultProxy {
  readonly log = new CallLog();
  readonly #target: () => string;
  readonly #faults = new Faults();
  readonly #sockets = new Set<Socket>();
  readonly #agent = new Agent({ keepAlive: true });
  readonly #ended = Promise.withResolvers<void>();
  readonly #listeners: ((entry: CallEntry) => void)[] = [];
  readonly #open = new Map<CallEntry, PromiseWithResolvers<Change>>();
  readonly #changes: { readonly match: CallMatch; readonly change: Change }[] = [];
  #redirect: (call: Call) => void = () => undefined;
  #server: Server | undefined;
  port = 0;

  constructor(target: () => string) {
    this.#target = target;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async listen(port: number): Promise<void> {
    const server = createServer((incoming, outgoing) => {
      // A caller who went away is no concern of the test.
      this.#pass(incoming, outgoing).catch(() => outgoing.destroy());
    });
    server.keepAliveTimeout = 60_000;
    server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    this.port = (server.address() as AddressInfo).port; // a TCP server's address is never a path
    this.#server = server;
  }

  strike(fault: Fault): () => void {
    return this.#faults.add(fault);
  }

  onAnswer(listener: (entry: CallEntry) => void): void {
    this.#listeners.push(listener);
  }

  redirect(change: (call: Call) => void): void {
    this.#redirect = change;
  }

  interrupt(match: CallMatch, change: Change): void {
    for (const [call, interruption] of this.#open) {
      if (!isMatch(call, match)) continue;
      this.#open.delete(call);
      interruption.resolve(change);
      return;
    }
    this.#changes.push({ match, change });
  }

  connections(): number {
    return this.#sockets.size;
  }

  async goOffline(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(server, "close");
  }

  async goOnline(): Promise<void> {
    if (this.#server === undefined) await this.listen(this.port);
  }

  async close(): Promise<void> {
    this.#ended.resolve();
    await this.goOffline();
    this.#agent.destroy();
  }

  async #pass(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const url = new URL(incoming.url ?? "/", this.url);
    const entry: CallEntry = {
      atMs: performance.now(),
      method: incoming.method ?? "GET",
      path: decoded(url.pathname),
      query: url.searchParams,
      token:
        /^Bearer (.+)$/u.exec(incoming.headers.authorization ?? "")?.[1] ??
        url.searchParams.get("access_token") ??
        undefined,
      body: await bytesOf(incoming),
    };
    this.log.entries.push(entry);
    const fault = this.#faults.strike(entry);
    this.#redirect(entry);
    const forward = (hangUp?: AbortSignal): Promise<Answer> =>
      this.#forward(entry, url.pathname, { incoming, outgoing, hangUp });
    const answer = await this.#answer(entry, fault, forward, outgoing);
    if (answer === undefined) return;
    entry.status = answer.status;
    entry.answer = answer.body;
    if (answer.status === 429 && fault === undefined) this.#keepPause(entry, answer);
    for (const listener of this.#listeners) listener(entry);
    if (fault?.kind === "half") return await half(outgoing, answer);
    outgoing.writeHead(answer.status, { ...answer.headers, "content-length": answer.body.length });
    outgoing.end(answer.body);
  }

  /** What the caller is to get; undefined when that is nothing. */
  async #answer(
    entry: CallEntry,
    fault: Fault | undefined,
    forward: (hangUp?: AbortSignal) => Promise<Answer>,
    outgoing: ServerResponse,
  ): Promise<Answer | undefined> {
    if (fault === undefined) return await this.#passed(entry, forward);
    if (fault.kind === "half") return await forward();
    if ("when" in fault && fault.when === "after") await forward();
    switch (fault.kind) {
      case "rate_limited": {
        const { retryAfterMs } = fault;
        this.log.pause(fault.match, retryAfterMs);
        const body = { errcode: "M_LIMIT_EXCEEDED", error: "Too Many Requests", retry_after_ms: retryAfterMs };
        const headers = { "content-type": "application/json", "retry-after": String(Math.ceil(retryAfterMs / 1000)) };
        return { status: 429, headers, body: Buffer.from(JSON.stringify(body)) };
      }
      case "refused":
        return json(fault.status, { errcode: fault.errcode, error: "refused" });
      case "status":
        return { status: fault.status, headers: { "content-type": "text/plain" }, body: Buffer.from("bad gateway") };
      case "page":
        return { status: 200, headers: { "content-type": "text/html" }, body: Buffer.from(PAGE) };
      case "drop":
        outgoing.socket?.resetAndDestroy();
        return undefined;
      case "silence":
        await this.#ended.promise;
        return undefined;
      case "slow":
        await pause(fault.delayMs);
        return await forward();
      case "changed": {
        const answer = await forward();
        return { ...answer, body: Buffer.from(fault.change(answer.body, entry)) };
      }
    }
  }

  /** Passes a call on; an interruption makes it one that does not wait. */
  async #passed(entry: CallEntry, forward: (hangUp?: AbortSignal) => Promise<Answer>): Promise<Answer> {
    const waiting = this.#changes.findIndex(({ match }) => isMatch(entry, match));
    const [waited] = waiting === -1 ? [] : this.#changes.splice(waiting, 1);
    const interruption = Promise.withResolvers<Change>();
    const hangUp = new AbortController();
    if (waited === undefined) this.#open.set(entry, interruption);
    else interruption.resolve(waited.change);
    try {
      const answer = waited === undefined ? forward(hangUp.signal) : undefined;
      answer?.catch(() => undefined);
      const first = await Promise.race([interruption.promise, ...(answer === undefined ? [] : [answer])]);
      if (typeof first !== "function") return first;
      hangUp.abort();
      entry.query.set("timeout", "0");
      const atOnce = await forward();
      return { ...atOnce, body: Buffer.from(first(atOnce.body)) };
    } finally {
      this.#open.delete(entry);
    }
  }

  #forward(
    entry: CallEntry,
    path: string,
    call: {
      readonly incoming: IncomingMessage;
      readonly outgoing: ServerResponse;
      readonly hangUp?: AbortSignal | undefined;
    },
  ): Promise<Answer> {
    const { incoming, outgoing, hangUp } = call;
    const url = new URL(path, this.#target());
    // The query may have been redirected.
    url.search = entry.query.toString();
    const { host: _host, connection: _connection, ...headers } = incoming.headers;
    return new Promise((resolve, reject) => {
      const onward = request(
        url,
        { method: entry.method, headers: { ...headers, "accept-encoding": "identity" }, agent: this.#agent },
        (answer) => {
          bytesOf(answer).then((body) => {
            const { connection: _hop, "transfer-encoding": _framing, "keep-alive": _alive, ...kept } = answer.headers;
            resolve({ status: answer.statusCode ?? 502, headers: kept, body });
          }, reject);
        },
      );
      onward.once("error", reject);
      hangUp?.addEventListener("abort", () => onward.destroy());
      // Whoever hangs up in the middle of a long poll would keep the homeserver busy.
      outgoing.once("close", () => onward.destroy());
      onward.end(entry.body);
    });
  }

  /** The homeserver's own limits count by account: a write in one room is limited by those in others. */
  #keepPause(entry: CallEntry, answer: Answer): void {
    const { retry_after_ms: retryAfterMs } = JSON.parse(answer.body.toString()) as { retry_after_ms?: number }; // Synapse's own form
    const path = Object.values(CALLS).find((call) => call.test(entry.path));
    const match: CallMatch = { ...(path && { path }), ...(entry.token !== undefined && { token: entry.token }) };
    this.log.pause(match, retryAfterMs ?? 0);
  }
}

async function half(outgoing: ServerResponse, answer: Answer): Promise<void> {
  outgoing.writeHead(answer.status, { ...answer.headers, "content-length": answer.body.length });
  outgoing.write(answer.body.subarray(0, Math.floor(answer.body.length / 2)));
  // The first half has to leave before the connection breaks.
  await pause(20);
  outgoing.socket?.destroy();
}

function json(status: number, body: object): Answer {
  return { status, headers: { "content-type": "application/json" }, body: Buffer.from(JSON.stringify(body)) };
}

async function bytesOf(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer); // no encoding is set
  return Buffer.concat(chunks);
}

function decoded(path: string): string {
  try {
    return path.split("/").map(decodeURIComponent).join("/");
  } catch {
    return path;
  }
}
