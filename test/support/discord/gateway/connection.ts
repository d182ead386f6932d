import { constants, createDeflate, type Deflate, deflateSync } from "node:zlib";
import { WebSocket } from "ws";
import type { Wire } from "../model/records.ts";
import type { Session } from "./session.ts";

/** Payloads above this length are compressed for clients that asked so when they identified. */
const COMPRESS_OVER_CHARS = 1_024;

/** One WebSocket of the gateway: encodes frames, in order, as the client asked for. */
export class Connection {
  readonly id: number;
  readonly socket: WebSocket;
  session: Session | undefined;
  /** Single payloads may be compressed (`compress` of IDENTIFY). */
  compressesPayloads = false;
  /** Silent in both directions without being closed, as behind a dead NAT entry. */
  frozen = false;
  lastHeartbeatMs: number = performance.now();
  /** Heartbeats that the gateway asked for and that have not come yet; they count towards no limit. */
  askedFor = 0;
  /** Frames of the client in the last minute. */
  readonly receivedAt: number[] = [];
  readonly #deflate: Deflate | undefined;
  #queue: Promise<void> = Promise.resolve();

  constructor(id: number, socket: WebSocket, zlibStream: boolean) {
    this.id = id;
    this.socket = socket;
    this.#deflate = zlibStream ? createDeflate() : undefined;
  }

  send(payload: Wire): void {
    this.sendText(JSON.stringify(payload));
  }

  sendText(text: string): void {
    if (this.frozen) return;
    if (this.#deflate !== undefined) this.#inTurn(async () => this.#write(await this.#deflated(text)));
    else if (this.compressesPayloads && text.length > COMPRESS_OVER_CHARS) this.#write(deflateSync(text));
    else this.#write(text);
  }

  /** A binary frame as it is, past the compression. */
  sendRaw(bytes: Buffer): void {
    if (this.frozen) return;
    if (this.#deflate === undefined) this.#write(bytes);
    else this.#inTurn(async () => this.#write(bytes));
  }

  close(code: number, reason: string): void {
    if (this.#deflate === undefined) this.socket.close(code, reason);
    else this.#inTurn(async () => this.socket.close(code, reason));
  }

  freeze(): void {
    this.frozen = true;
    this.socket.pause();
  }

  ended(): void {
    this.#deflate?.close();
  }

  #inTurn(work: () => Promise<void>): void {
    // What cannot be compressed any more belongs to a connection that has ended.
    this.#queue = this.#queue.then(work).catch(() => undefined);
  }

  #write(data: string | Buffer): void {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(data);
  }

  /** All frames of a connection share one context, and each ends with 00 00 FF FF. */
  #deflated(text: string): Promise<Buffer> {
    const deflate = this.#deflate;
    if (deflate === undefined) throw new Error("this connection has no zlib stream");
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      const take = (chunk: Buffer): void => void chunks.push(chunk);
      deflate.on("data", take);
      deflate.once("error", reject);
      deflate.write(text);
      deflate.flush(constants.Z_SYNC_FLUSH, () => {
        deflate.off("data", take);
        deflate.off("error", reject);
        resolve(Buffer.concat(chunks));
      });
    });
  }
}
