import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";

export interface RawClose {
  /** Code of the server's close frame, which ends what it hears; undefined when the line was cut without one. */
  readonly code: number | undefined;
  /** By the clock of performance.now(), in ms. */
  readonly atMs: number;
}

export const OPCODES = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** One frame of a client (RFC 6455, section 5.2), masked by zeros; `announced` lies about its length. */
export function frame(
  opcode: number,
  payload: Buffer,
  more: { readonly final?: boolean; readonly compressed?: boolean; readonly announced?: number } = {},
): Buffer {
  const length = more.announced ?? payload.length;
  const first = (more.final === false ? 0 : 0x80) | (more.compressed === true ? 0x40 : 0) | opcode;
  let head: Buffer;
  if (length < 126) head = Buffer.from([first, 0x80 | length]);
  else if (length < 0x10000) {
    head = Buffer.alloc(4);
    head.writeUInt16BE(length, 2);
    head[1] = 0x80 | 126;
  } else {
    head = Buffer.alloc(10);
    head.writeBigUInt64BE(BigInt(length), 2);
    head[1] = 0x80 | 127;
  }
  head[0] = first;
  return Buffer.concat([head, Buffer.alloc(4), payload]);
}

/** The bytes that a server's first frame takes, which are not masked; infinitely many while they do not say. */
function sizeOfFrame(bytes: Buffer): number {
  const length = (bytes[1] ?? 0) & 0x7f;
  if (bytes.length < 10) return bytes.length >= 2 && length < 126 ? 2 + length : Number.POSITIVE_INFINITY;
  if (length < 126) return 2 + length;
  return length === 126 ? 4 + bytes.readUInt16BE(2) : 10 + Number(bytes.readBigUInt64BE(2));
}

/** A WebSocket that sends whatever bytes it is told to: libraries refuse to break the protocol. */
export class RawWebSocket {
  readonly closed: Promise<RawClose>;
  /** What the server agreed to in its answer, such as extensions, in lower case. */
  readonly head: string;
  readonly #socket: Socket;
  #isOver = false;

  private constructor(socket: Socket, head: string) {
    this.#socket = socket;
    this.head = head;
    this.closed = new Promise((resolve) => {
      let unread = Buffer.alloc(0);
      socket.on("data", (data: Buffer) => {
        unread = Buffer.concat([unread, data]);
        for (let size = sizeOfFrame(unread); size <= unread.length; size = sizeOfFrame(unread)) {
          if (unread[0] === (0x80 | OPCODES.close) && size >= 4)
            resolve({ code: unread.readUInt16BE(2), atMs: performance.now() });
          unread = unread.subarray(size);
        }
      });
      socket.once("close", () => resolve({ code: undefined, atMs: performance.now() }));
    });
    void this.closed.then(() => {
      this.#isOver = true;
    });
  }

  /** Asks for an upgrade, compression included; rejects when it is not granted. */
  static async open(url: string, headers: Readonly<Record<string, string>>): Promise<RawWebSocket> {
    const { hostname, port, pathname } = new URL(url);
    const socket = connect(Number(port), hostname);
    socket.on("error", () => undefined);
    const lines = Object.entries({
      Host: `${hostname}:${port}`,
      Upgrade: "websocket",
      Connection: "Upgrade",
      "Sec-WebSocket-Version": "13",
      "Sec-WebSocket-Key": randomBytes(16).toString("base64"),
      "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits",
      ...headers,
    }).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(`GET ${pathname} HTTP/1.1\r\n${lines.join("")}\r\n`);
    const [data] = (await once(socket, "data")) as [Buffer]; // what a socket hands over without an encoding
    const head = data.toString("latin1").toLowerCase();
    if (!head.startsWith("http/1.1 101")) throw new Error(`no upgrade: ${head.split("\r\n")[0]}`);
    return new RawWebSocket(socket, head);
  }

  /** False once the server has said or shown that it is over. */
  get isOpen(): boolean {
    return !this.#isOver && this.#socket.writable;
  }

  /** Sends bytes; resolves when the kernel has taken them or the line has ended. */
  async send(bytes: Buffer): Promise<void> {
    if (!this.isOpen) return;
    if (this.#socket.write(bytes)) return;
    const drained = new Promise<void>((resolve) => {
      this.#socket.once("drain", resolve);
    });
    await Promise.race([drained, this.closed]);
  }

  text(value: unknown): Promise<void> {
    return this.send(frame(OPCODES.text, Buffer.from(JSON.stringify(value))));
  }

  /** Reads nothing from now on. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    this.#socket.destroy();
  }
}
