import type { RawData, WebSocket } from "ws";
import type { WebSessionRecord } from "../../src/contracts/web-room-records.ts";
import { type ClientFrame, ClientFrame as ClientFrameSchema, type ServerFrame, SOCKET_CLOSE } from "./protocol.ts";

/** Largest message a client may send, in bytes. */
export const MAX_CLIENT_FRAME_BYTES = 64 * 1024;
/** What may wait unsent for a slow reader before it is cut off; it reads on by `/changes` when it comes back. */
const MAX_BUFFERED_BYTES = 4 * 1024 * 1024;
const FRAMES_PER_SECOND = 10;
const BURST_FRAMES = 50;
const MAX_MISSED_PINGS = 2;
/** A client that does not answer the close is cut off after this long. */
const CLOSE_GRACE_MS = 1_000;

/** One page's connection with its bounds; knows which rooms it may hear of. */
export class RoomSocket {
  readonly session: Pick<WebSessionRecord, "sessionId" | "organizationId" | "personId" | "role">;
  readonly rooms = new Set<string>();
  /** Rooms left before the list of joined rooms had been loaded: the list may still name them. */
  readonly leftEarly = new Set<string>();
  ready = false;
  readonly #socket: WebSocket;
  #missedPings = 0;
  #closing = false;
  #allowance = BURST_FRAMES;
  #countedAt = performance.now();

  constructor(socket: WebSocket, session: WebSessionRecord) {
    this.#socket = socket;
    this.session = session;
    socket.on("pong", () => {
      this.#missedPings = 0;
    });
  }

  /** Calls back for each valid frame; invalid ones get an error frame, too many end the connection. */
  onFrame(handle: (frame: ClientFrame) => void): void {
    this.#socket.on("message", (data, isBinary) => {
      if (this.#closing) return;
      if (!this.#spend()) {
        this.close(SOCKET_CLOSE.tooFast, "too many messages");
        return;
      }
      // The server reads larger ones for others.
      if (lengthOf(data) > MAX_CLIENT_FRAME_BYTES) {
        this.close(1009, "the message is too large");
        return;
      }
      const frame = isBinary ? undefined : parseFrame(textOf(data));
      if (frame === undefined)
        this.send({ type: "error", code: "PAYLOAD_MALFORMED", message: "The message is no frame of this protocol." });
      else handle(frame);
    });
  }

  onClose(handle: () => void): void {
    this.#socket.once("close", handle);
  }

  send(frame: ServerFrame): void {
    this.sendText(JSON.stringify(frame));
  }

  /** Sends a frame that was made once for many; a reader that is too slow is cut off rather than held in memory. */
  sendText(frame: string): void {
    if (this.#closing || this.#socket.readyState !== this.#socket.OPEN) return;
    if (this.#socket.bufferedAmount + frame.length > MAX_BUFFERED_BYTES) {
      this.close(SOCKET_CLOSE.tooSlow, "the connection is too slow");
      return;
    }
    this.#socket.send(frame);
  }

  /** Asks for a sign of life; ends a connection that gave none twice. */
  ping(): void {
    if (this.#missedPings >= MAX_MISSED_PINGS) {
      this.#socket.terminate();
      return;
    }
    this.#missedPings += 1;
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.ping();
  }

  close(code: number, reason: string): void {
    if (this.#closing || this.#socket.readyState === this.#socket.CLOSED) return;
    this.#closing = true;
    this.#socket.close(code, reason);
    const timer = setTimeout(() => this.#socket.terminate(), CLOSE_GRACE_MS);
    this.#socket.once("close", () => clearTimeout(timer));
  }

  #spend(): boolean {
    const now = performance.now();
    this.#allowance = Math.min(BURST_FRAMES, this.#allowance + ((now - this.#countedAt) / 1_000) * FRAMES_PER_SECOND);
    this.#countedAt = now;
    this.#allowance -= 1;
    return this.#allowance >= 0;
  }
}

function lengthOf(data: RawData): number {
  return Array.isArray(data) ? data.reduce((sum, piece) => sum + piece.byteLength, 0) : data.byteLength;
}

/** The bytes of a message, in whichever of its forms `ws` hands them over. */
function textOf(data: RawData): string {
  if (Array.isArray(data)) return Buffer.concat(data).toString("utf8");
  return (Buffer.isBuffer(data) ? data : Buffer.from(data)).toString("utf8");
}

function parseFrame(text: string): ClientFrame | undefined {
  try {
    const parsed = ClientFrameSchema.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}
