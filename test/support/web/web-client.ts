import { WebSocket } from "ws";
import { type MeAnswer, ServerFrame, WEB_API_PREFIX, WEB_SOCKET_PATH } from "../../../adapters/web/protocol.ts";

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // Tests read answers freely; what their shape is, the protocol's schemas say.
  readonly body: unknown;
}

/** A browser's place: keeps the cookie, sends the page's origin. */
export class WebClient {
  readonly baseUrl: string;
  readonly origin: string;
  cookie: string | undefined;

  constructor(baseUrl: string, origin: string = new URL(baseUrl).origin) {
    this.baseUrl = baseUrl;
    this.origin = origin;
  }

  async signIn(linkUrl: string): Promise<MeAnswer> {
    const code = new URLSearchParams(new URL(linkUrl).hash.slice(1)).get("code");
    const answer = await this.request("POST", "/sign-in", { code });
    if (answer.status !== 200) throw new Error(`sign-in answered ${answer.status}`);
    this.cookie = answer.headers.getSetCookie()[0]?.split(";")[0];
    return answer.body as MeAnswer;
  }

  async request(method: string, path: string, json?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const all = new Headers({ origin: this.origin, ...headers });
    if (this.cookie !== undefined) all.set("cookie", this.cookie);
    if (json !== undefined && !all.has("content-type")) all.set("content-type", "application/json");
    const response = await fetch(`${this.baseUrl}${WEB_API_PREFIX}${path}`, {
      method,
      headers: all,
      ...(json === undefined ? {} : { body: typeof json === "string" ? json : JSON.stringify(json) }),
    });
    return { status: response.status, headers: response.headers, body: await readBody(response) };
  }

  /** As `request`, for what must work; resolves with the body. */
  async ok<T>(method: string, path: string, json?: unknown): Promise<T> {
    const { status, body } = await this.request(method, path, json);
    if (status >= 300) throw new Error(`${method} ${path} answered ${status}: ${JSON.stringify(body)}`);
    return body as T;
  }

  async upload(path: string, file: { name: string; type: string; bytes: Uint8Array<ArrayBuffer> }): Promise<Answer> {
    const form = new FormData();
    form.set("file", new Blob([file.bytes], { type: file.type }), file.name);
    const headers = new Headers({ origin: this.origin });
    if (this.cookie !== undefined) headers.set("cookie", this.cookie);
    const response = await fetch(`${this.baseUrl}${WEB_API_PREFIX}${path}`, { method: "POST", headers, body: form });
    return { status: response.status, headers: response.headers, body: await readBody(response) };
  }

  /** Opens the socket and resolves when the server has greeted it. */
  async socket(): Promise<LiveSocket> {
    const socket = new LiveSocket(this.socketUrl(), { origin: this.origin, cookie: this.cookie ?? "" });
    await socket.next("hello");
    return socket;
  }

  socketUrl(): string {
    return `${this.baseUrl.replace(/^http/, "ws")}${WEB_SOCKET_PATH}`;
  }
}

async function readBody(response: Response): Promise<unknown> {
  const text = await response.text();
  if (response.headers.get("content-type")?.startsWith("application/json") !== true) return text;
  return JSON.parse(text);
}

type FrameOf<Type extends ServerFrame["type"]> = Extract<ServerFrame, { type: Type }>;

/** A page's socket; every frame is checked against the protocol and kept. */
export class LiveSocket {
  readonly frames: ServerFrame[] = [];
  readonly closed: Promise<{ code: number; atMs: number }>;
  readonly raw: WebSocket;
  #waiting: (() => void)[] = [];
  #failure: Error | undefined;

  constructor(url: string, headers: Record<string, string>) {
    this.raw = new WebSocket(url, { headers, perMessageDeflate: true });
    this.closed = new Promise((resolve) => {
      this.raw.once("close", (code) => {
        this.#fail(new Error(`the socket was closed with ${code}`));
        resolve({ code, atMs: performance.now() });
      });
    });
    this.raw.on("error", (error) => this.#fail(error));
    this.raw.on("message", (data: Buffer) => {
      this.frames.push(ServerFrame.parse(JSON.parse(data.toString("utf8"))));
      this.#wake();
    });
  }

  /** The first frame of a type, come or to come, that fits. */
  async next<Type extends ServerFrame["type"]>(
    type: Type,
    fits: (frame: FrameOf<Type>) => boolean = () => true,
    timeoutMs = 5_000,
  ): Promise<FrameOf<Type>> {
    const isWanted = (frame: ServerFrame): frame is FrameOf<Type> =>
      frame.type === type && fits(frame as FrameOf<Type>);
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const found = this.frames.find(isWanted);
      if (found !== undefined) return found;
      if (this.#failure !== undefined) throw this.#failure;
      const left = deadline - performance.now();
      if (left <= 0)
        throw new Error(`no such ${type} frame came; there were ${this.frames.map((f) => f.type).join(", ")}`);
      await this.#change(left);
    }
  }

  async #change(timeoutMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#waiting.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  close(): void {
    this.raw.close();
  }
}
