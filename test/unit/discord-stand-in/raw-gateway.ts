import { createInflate, type Inflate } from "node:zlib";
import { type RawData, WebSocket } from "ws";

export interface Frame {
  readonly op: number;
  readonly t: string | null;
  readonly s: number | null;
  readonly d: unknown;
}

/** A gateway client without any help: it shows every frame, and sends what it is told. */
export class RawGateway {
  readonly frames: Frame[] = [];
  /** Frames that are no JSON. */
  readonly garbage: string[] = [];
  readonly closed: Promise<number>;
  readonly #socket: WebSocket;
  readonly #inflate: Inflate | undefined;
  #pending = "";

  constructor(url: string, compress = false) {
    this.#socket = new WebSocket(`${url}?v=10&encoding=json${compress ? "&compress=zlib-stream" : ""}`);
    this.#inflate = compress ? createInflate() : undefined;
    this.#inflate?.on("data", (chunk: Buffer) => {
      this.#pending += chunk.toString("utf8");
      this.#read();
    });
    this.#socket.on("message", (data) => {
      if (this.#inflate === undefined) {
        this.#pending = textOf(data);
        this.#read();
      } else this.#inflate.write(Array.isArray(data) ? Buffer.concat(data) : data);
    });
    this.closed = new Promise((resolve) => this.#socket.once("close", (code) => resolve(code)));
  }

  send(op: number, d: unknown): void {
    this.#socket.send(JSON.stringify({ op, d }));
  }

  identify(token: string, fields: object = {}): void {
    this.send(2, { token, intents: 0, properties: { os: "linux", browser: "test", device: "test" }, ...fields });
  }

  events(type: string): Frame[] {
    return this.frames.filter((frame) => frame.t === type);
  }

  close(code = 4200): void {
    this.#socket.close(code);
  }

  #read(): void {
    try {
      this.frames.push(JSON.parse(this.#pending) as Frame); // frames of the stand-in have these fields
      this.#pending = "";
    } catch {
      if (this.#inflate !== undefined) return;
      this.garbage.push(this.#pending);
    }
  }
}

function textOf(data: RawData): string {
  if (Array.isArray(data)) return Buffer.concat(data).toString("utf8");
  return (data instanceof ArrayBuffer ? Buffer.from(data) : data).toString("utf8");
}
