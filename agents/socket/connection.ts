import type { DialInPrincipal, DialInSocket } from "../../src/contracts/dial-in.ts";
import { CLOSE_CODES, MAX_FRAME_BYTES, type ParleyFrame, REFUSALS } from "../../src/contracts/dial-in-protocol.ts";
import type { HelloFrame } from "./frames.ts";

/** What may wait unsent for a slow reader before it is cut off, in bytes. */
export const MAX_UNSENT_BYTES = 8 * MAX_FRAME_BYTES;
/** What of an agent may wait in memory for its turns to be read before its socket is not read on, in bytes; reading goes on at half of it. */
const MAX_WAITING_BYTES = 4 * MAX_FRAME_BYTES;
/** An agent that does not answer the close is cut off after this long. */
const CLOSE_GRACE_MS = 1_000;
/** Pings without any sign of life after which a connection counts as dead. */
const MAX_MISSED_PINGS = 2;
/** Refused frames that may come at once, and how many more a second. */
const BURST_REFUSALS = 100;
const REFUSALS_PER_SECOND = 10;

/** One connection of one agent, with its bounds in both directions. */
export class DialInConnection {
  readonly id: string;
  readonly principal: DialInPrincipal;
  readonly hello: HelloFrame;
  readonly connectedAtMs = Date.now();
  readonly #socket: DialInSocket;
  readonly #onDead: () => void;
  #isOver = false;
  #missedPings = 0;
  #allowance = BURST_REFUSALS;
  #countedAtMs = performance.now();
  #waitingBytes = 0;
  #isPaused = false;

  constructor(
    socket: DialInSocket,
    given: { readonly id: string; readonly principal: DialInPrincipal; readonly hello: HelloFrame },
    onDead: () => void,
  ) {
    this.#socket = socket;
    this.id = given.id;
    this.principal = given.principal;
    this.hello = given.hello;
    this.#onDead = onDead;
  }

  /** True once nothing more is sent or heard. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Sends a frame, or ends a connection whose agent does not read; false when it did not go out. */
  send(frame: ParleyFrame): boolean {
    return !this.#isOver && this.sendText(JSON.stringify(frame));
  }

  /** As `send`, for a frame whose size was looked at. */
  sendText(text: string): boolean {
    if (this.#isOver) return false;
    if (this.#socket.bufferedBytes + text.length > MAX_UNSENT_BYTES) {
      this.close(CLOSE_CODES.tooSlow, "what Parley says is not read");
      return false;
    }
    this.#socket.send(text);
    return true;
  }

  /** Tells the agent what of it was refused; one that is refused again and again is disconnected. */
  refuse(code: string, message: string, ids: { readonly turnId?: string; readonly callId?: string } = {}): void {
    const nowMs = performance.now();
    const earned = ((nowMs - this.#countedAtMs) / 1_000) * REFUSALS_PER_SECOND;
    this.#allowance = Math.min(BURST_REFUSALS, this.#allowance + earned) - 1;
    this.#countedAtMs = nowMs;
    if (this.#allowance >= 0) {
      this.send({ type: "error", code, message, ...ids });
      return;
    }
    this.send({ type: "error", code: REFUSALS.tooManyRefusals, message: "Too many frames had to be refused." });
    this.close(CLOSE_CODES.protocolError, "too many refused frames");
  }

  /** Any frame is a sign of life. */
  heard(): void {
    this.#missedPings = 0;
  }

  /** Asks for a sign of life; cuts off a connection that gave none twice. One that Parley itself does not read is not blamed. */
  beat(atMs: number): void {
    if (this.#isOver || this.#isPaused) return;
    if (this.#missedPings >= MAX_MISSED_PINGS) {
      this.#end();
      this.#socket.terminate();
      return;
    }
    this.#missedPings += 1;
    this.send({ type: "ping", at: atMs });
  }

  /** Counts what waits to be read by turns: too much, and the socket is not read on until it is less. */
  waiting(changeBytes: number): void {
    this.#waitingBytes += changeBytes;
    if (this.#isOver) return;
    if (!this.#isPaused && this.#waitingBytes > MAX_WAITING_BYTES) {
      this.#isPaused = true;
      this.#socket.pause();
    } else if (this.#isPaused && this.#waitingBytes <= MAX_WAITING_BYTES / 2) {
      this.#isPaused = false;
      this.#missedPings = 0;
      this.#socket.resume();
    }
  }

  /** Ends it for a reason that the agent is told; nothing that it still says is heard. */
  close(code: number, reason: string): void {
    if (this.#isOver) return;
    this.#end();
    this.#socket.resume();
    this.#socket.close(code, reason);
    setTimeout(() => this.#socket.terminate(), CLOSE_GRACE_MS).unref();
  }

  /** The socket is gone. */
  gone(): void {
    if (!this.#isOver) this.#end();
  }

  #end(): void {
    this.#isOver = true;
    this.#onDead();
  }
}
