import { connect, type Socket } from "node:net";

/** A response, or why there is none. */
export type ClientOutcome =
  | { readonly kind: "answer"; readonly status: number; readonly head: string; readonly body: string }
  | { readonly kind: "timeout" }
  | { readonly kind: "failed" };

interface Job {
  readonly request: string;
  readonly settle: (outcome: ClientOutcome) => void;
  readonly timer: NodeJS.Timeout;
  done: boolean;
  retried: boolean;
}

interface Line {
  readonly socket: Socket;
  job: Job | undefined;
  received: Buffer | undefined;
  served: number;
}

/**
 * An HTTP/1.1 client for POSTs to one loopback origin over kept-alive connections.
 *
 * undici costs about twice the CPU of everything else that the stand-in does for an event; the benchmarks share two
 * cores with it. One write per request; answers by content-length, chunked or until the end of the connection.
 */
export class KeepAliveClient {
  readonly #host: string;
  readonly #port: number;
  readonly #maxLines: number;
  readonly #idle: Line[] = [];
  readonly #lines = new Set<Line>();
  readonly #queue: Job[] = [];
  #queueHead = 0;

  constructor(origin: URL, maxConnections: number) {
    this.#host = origin.hostname;
    this.#port = Number(origin.port === "" ? 80 : origin.port);
    this.#maxLines = maxConnections;
  }

  /** `head` is the request line and headers but content-length, without the last line end. */
  post(head: string, body: string, timeoutMs: number): Promise<ClientOutcome> {
    return new Promise((resolve) => {
      const job: Job = {
        request: `${head}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
        settle: resolve,
        timer: setTimeout(() => this.#expire(job), timeoutMs),
        done: false,
        retried: false,
      };
      this.#start(job);
    });
  }

  close(): void {
    for (const line of this.#lines) line.socket.destroy();
  }

  #start(job: Job): void {
    const line = this.#idle.pop() ?? (this.#lines.size < this.#maxLines ? this.#open() : undefined);
    if (line === undefined) {
      this.#queue.push(job);
      return;
    }
    line.job = job;
    line.socket.write(job.request);
  }

  #open(): Line {
    const socket = connect({ host: this.#host, port: this.#port, noDelay: true });
    const line: Line = { socket, job: undefined, received: undefined, served: 0 };
    this.#lines.add(line);
    socket.on("data", (chunk: Buffer) => this.#read(line, chunk, false));
    socket.on("end", () => this.#read(line, undefined, true));
    socket.on("error", () => undefined);
    socket.on("close", () => this.#lost(line));
    return line;
  }

  #read(line: Line, chunk: Buffer | undefined, isEnd: boolean): void {
    if (chunk !== undefined)
      line.received = line.received === undefined ? chunk : Buffer.concat([line.received, chunk]);
    if (line.job === undefined || line.received === undefined) return;
    const parsed = parseResponse(line.received, isEnd);
    if (parsed === undefined) return;
    const { job } = line;
    line.job = undefined;
    line.received = undefined;
    line.served += 1;
    if (parsed.keepAlive && !isEnd) this.#release(line);
    else line.socket.destroy();
    this.#settle(job, parsed);
  }

  #release(line: Line): void {
    while (this.#queueHead < this.#queue.length) {
      const job = this.#queue[this.#queueHead];
      this.#queueHead += 1;
      if (this.#queueHead > 1024) {
        this.#queue.splice(0, this.#queueHead);
        this.#queueHead = 0;
      }
      if (job === undefined || job.done) continue;
      line.job = job;
      line.socket.write(job.request);
      return;
    }
    this.#idle.push(line);
  }

  #lost(line: Line): void {
    this.#lines.delete(line);
    const at = this.#idle.indexOf(line);
    if (at >= 0) this.#idle.splice(at, 1);
    const { job } = line;
    line.job = undefined;
    if (job !== undefined && !job.done) {
      // A kept-alive connection may have been closed by the server just as it was used again: once more, on a fresh one.
      const wasStale = line.served > 0 && line.received === undefined && !job.retried;
      job.retried = true;
      if (wasStale) this.#start(job);
      else this.#settle(job, { kind: "failed" });
    }
    this.#serveQueue();
  }

  #serveQueue(): void {
    if (this.#queueHead >= this.#queue.length || this.#lines.size >= this.#maxLines) return;
    this.#release(this.#open());
  }

  #expire(job: Job): void {
    for (const line of this.#lines) if (line.job === job) line.socket.destroy();
    this.#settle(job, { kind: "timeout" });
  }

  #settle(job: Job, outcome: ClientOutcome): void {
    if (job.done) return;
    job.done = true;
    clearTimeout(job.timer);
    job.settle(outcome);
  }
}

type Parsed = Extract<ClientOutcome, { kind: "answer" }> & { readonly keepAlive: boolean };

/** The response in these bytes; undefined while it is incomplete. */
export function parseResponse(bytes: Buffer, isEnd: boolean): Parsed | undefined {
  const headEnd = bytes.indexOf("\r\n\r\n");
  if (headEnd < 0) return undefined;
  const head = bytes.toString("latin1", 0, headEnd).toLowerCase();
  const status = Number(head.slice(9, 12));
  const rest = bytes.subarray(headEnd + 4);
  // Interim answers (100, 103) precede the real one.
  if (status < 200) return rest.length === 0 ? undefined : parseResponse(rest, isEnd);
  const keepAlive = !/\r\nconnection: *close/.test(head);
  const answer = (body: string, stays = keepAlive): Parsed => ({
    kind: "answer",
    status,
    head,
    body,
    keepAlive: stays,
  });
  if (status === 204 || status === 304) return answer("");
  if (/\r\ntransfer-encoding: *chunked/.test(head)) {
    const body = joinChunks(rest);
    return body === undefined ? undefined : answer(body);
  }
  const length = /\r\ncontent-length: *(\d+)/.exec(head)?.[1];
  if (length === undefined) return isEnd ? answer(rest.toString("utf8"), false) : undefined;
  return rest.length < Number(length) ? undefined : answer(rest.toString("utf8", 0, Number(length)));
}

function joinChunks(bytes: Buffer): string | undefined {
  const parts: Buffer[] = [];
  let at = 0;
  for (;;) {
    const lineEnd = bytes.indexOf("\r\n", at);
    if (lineEnd < 0) return undefined;
    const size = Number.parseInt(bytes.toString("latin1", at, lineEnd), 16);
    if (Number.isNaN(size)) return undefined;
    const start = lineEnd + 2;
    if (size === 0) return bytes.indexOf("\r\n", start) < 0 ? undefined : Buffer.concat(parts).toString("utf8");
    if (bytes.length < start + size + 2) return undefined;
    parts.push(bytes.subarray(start, start + size));
    at = start + size + 2;
  }
}
