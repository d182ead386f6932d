import type { TranscriptMessage, TurnIo, TurnRequest } from "../../src/contracts/connector.ts";
import { MAX_FRAME_BYTES, MAX_UNACKNOWLEDGED_EVENTS, REFUSALS } from "../../src/contracts/dial-in-protocol.ts";
import { ParleyError, toParleyError } from "../../src/errors/parley-error.ts";
import { UnfinishedArtifacts } from "./artifacts.ts";
import type { DialInConnection } from "./connection.ts";
import type { TurnFrame } from "./frames.ts";
import { TurnCalls } from "./turn-calls.ts";
import type { TurnStarts } from "./turn-start.ts";

/** How long a turn that its agent has not accepted waits for it to come back, in ms: nothing was begun, so it can wait in the inbox as well. */
const UNACCEPTED_GRACE_MS = 3_000;
/** Events read at once without an acknowledgement, and how long one may lag behind, in ms. */
const ACK_EVERY_EVENTS = 64;
const ACK_WITHIN_MS = 40;
/** How often it is said that a turn whose connection is down is not silent, in ms; the shortest silence that can be set is twice that. */
const EXCUSE_EVERY_MS = 250;
/** Connections of an agent with several turns that may end by too large a frame before all of those turns have failed. */
const MAX_OVERFLOWS = 3;
/** Times that an attempt is sent to an agent that accepts it not once: connections are lost, but an agent may also die of reading it. */
const MAX_GIVINGS = 2;
/** Messages that came during the turn and are sent again after a drop. */
const MAX_STEERED = 100;

interface Waiting {
  readonly n: number;
  readonly event: unknown;
  readonly bytes: number;
}

export interface TurnParts {
  readonly starts: TurnStarts;
  /** How long the agent may be gone in the middle of it. */
  readonly resumeWithinMs: number;
}

/** One turn at a dial-in agent: what is under way in both directions, over as many connections as it takes. */
export class DialInTurn {
  readonly request: TurnRequest;
  readonly #io: TurnIo;
  readonly #parts: TurnParts;
  readonly #calls: TurnCalls;
  readonly #scope = new AbortController();
  readonly #artifacts = new UnfinishedArtifacts();
  readonly #queue: Waiting[] = [];
  readonly #steered: TranscriptMessage[] = [];
  readonly #startedAtMs = performance.now();
  #connection: DialInConnection | undefined;
  #wake: (() => void) | undefined;
  #failure: ParleyError | undefined;
  #grace: NodeJS.Timeout | undefined;
  #excuse: NodeJS.Timeout | undefined;
  #ackTimer: NodeJS.Timeout | undefined;
  #received = 0;
  #taken = 0;
  #acknowledged = 0;
  #overflows = 0;
  #givings = 0;
  #isAccepted = false;
  #isSteered = false;

  constructor(request: TurnRequest, io: TurnIo, parts: TurnParts) {
    this.request = request;
    this.#io = io;
    this.#parts = parts;
    this.#calls = new TurnCalls({
      io,
      turnId: request.turnId,
      signal: this.#scope.signal,
      answer: (frame) => this.#connection?.send(frame),
      refuse: (code, message, callId) => this.#refuse(code, message, callId),
    });
  }

  /** Number of the last event that came, without gaps before it. */
  get received(): number {
    return this.#received;
  }

  /** True while its silence is not the agent's own: the connection is down, or something else is waited for. */
  get isWaiting(): boolean {
    return this.#connection === undefined || this.#calls.isWaiting;
  }

  get isAway(): boolean {
    return this.#connection === undefined;
  }

  /** The agent may never have heard of this attempt at it: what was sent to it may be lost with a connection. */
  get mayBeUnknown(): boolean {
    return !this.#isAccepted && this.#givings < MAX_GIVINGS;
  }

  isOn(connection: DialInConnection): boolean {
    return this.#connection === connection;
  }

  /** A frame that was too large ended its connection, and is this turn's for certain or perhaps. */
  overflow(isCertain: boolean): void {
    this.#overflows += 1;
    if (isCertain || this.#overflows >= MAX_OVERFLOWS)
      this.fail(new ParleyError("AGENT_REPLY_TOO_LARGE", { detail: `a frame has at most ${MAX_FRAME_BYTES} bytes` }));
  }

  /** Gives the turn to an agent that does not have it. */
  give(connection: DialInConnection): void {
    this.#artifacts.clear();
    this.#hold(connection);
    this.#givings += 1;
    try {
      connection.sendText(this.#parts.starts.of(this.request, this.#io));
      this.#repeatSteered();
    } catch (thrown) {
      this.fail(toParleyError(thrown));
    }
  }

  /** Goes on with an agent that has the turn still, over another connection. */
  resume(connection: DialInConnection): void {
    this.#artifacts.clear();
    this.#hold(connection);
    this.#isAccepted = true;
    this.#acknowledge();
    this.#repeatSteered();
  }

  /** The connection is gone: the turn waits for the agent to come back. */
  drop(): void {
    if (this.#connection === undefined) return;
    this.#forgetWaitingBytes();
    this.#connection = undefined;
    this.#artifacts.clear();
    this.waitForAgent();
  }

  waitForAgent(): void {
    const graceMs = this.#isAccepted ? this.#parts.resumeWithinMs : UNACCEPTED_GRACE_MS;
    this.#endWait();
    this.#grace = setTimeout(() => this.fail(awayError(graceMs)), graceMs).unref();
    this.#io.notSilent?.();
    this.#excuse = setInterval(() => this.#io.notSilent?.(), EXCUSE_EVERY_MS).unref();
  }

  fail(error: ParleyError): void {
    this.#failure ??= error;
    this.#wake?.();
  }

  /** Takes a frame that names this turn. */
  take(frame: TurnFrame, bytes: number): void {
    if ("attempt" in frame && frame.attempt !== this.request.attempt)
      return this.#refuse(REFUSALS.attemptStale, `This is attempt ${this.request.attempt} at the turn.`);
    switch (frame.type) {
      case "turn_accept":
        this.#isAccepted = true;
        return;
      case "event":
        return this.#takeEvent(frame.n, frame.event, bytes);
      case "artifact_chunk":
        return this.#takeChunk(frame);
      case "tool_call":
      case "request":
        return this.#calls.take(frame);
    }
  }

  /** The agent's events in their order, each once; ends by failing when the turn does, and when `signal` aborts. */
  async *events(signal: AbortSignal): AsyncGenerator<unknown> {
    const onAbort = (): void => this.#wake?.();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      while (!signal.aborted) {
        const next = this.#queue.shift();
        if (next === undefined) {
          if (this.#failure !== undefined) throw this.#failure;
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
          continue;
        }
        this.#connection?.waiting(-next.bytes);
        this.#taken = next.n;
        this.#acknowledgeSoon();
        yield next.event;
      }
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Tells the agent that the turn is over; nothing of it is taken any more. */
  finish(end: ParleyError | "done" | "left"): void {
    this.#endWait();
    clearTimeout(this.#ackTimer);
    this.#scope.abort(new ParleyError("TURN_CANCELLED", { detail: "the turn is over" }));
    const { turnId } = this.request;
    const connection = this.#connection;
    this.#forgetWaitingBytes();
    this.#connection = undefined;
    if (end === "done") connection?.send({ type: "turn_end", turnId });
    else {
      if (end instanceof ParleyError && REFUSED.has(end.code))
        connection?.refuse(REFUSALS.replyRefused, end.detail ?? end.row.userText, { turnId });
      connection?.send({ type: "turn_cancel", turnId, reason: reasonOf(end) });
    }
    this.#io.logger.debug(
      { turnId, events: this.#taken, end: end instanceof ParleyError ? end.code : end, ms: this.#ageMs() },
      "a dial-in agent's turn is over",
    );
  }

  #ageMs(): number {
    return Math.round(performance.now() - this.#startedAtMs);
  }

  #takeEvent(n: number, event: unknown, bytes: number): void {
    // What comes again is known already; of a turn that has failed nothing more is.
    if (n <= this.#received || this.#failure !== undefined) return;
    if (n > this.#received + 1)
      return this.#refuse(REFUSALS.eventGap, `Event ${this.#received + 1} is missing; ${n} came instead.`);
    if (this.#queue.length >= MAX_UNACKNOWLEDGED_EVENTS) {
      return this.fail(
        new ParleyError("AGENT_REPLY_TOO_LARGE", {
          detail: `more than ${MAX_UNACKNOWLEDGED_EVENTS} events without waiting for an acknowledgement`,
        }),
      );
    }
    this.#isAccepted = true;
    this.#received = n;
    this.#queue.push({ n, event, bytes });
    this.#connection?.waiting(bytes);
    this.#wake?.();
  }

  #takeChunk(frame: Extract<TurnFrame, { type: "artifact_chunk" }>): void {
    const { artifactId, last } = frame;
    if (last !== undefined && last.n <= this.#received) return;
    const taken = this.#artifacts.take(frame);
    if (taken.state === "refused")
      return this.fail(new ParleyError("AGENT_REPLY_TOO_LARGE", { detail: taken.message }));
    if (taken.state === "kept" || last === undefined) return;
    const { name, mediaType, n } = last;
    const part = { type: "artifact", artifactId, name, mediaType, base64: taken.base64 };
    this.#takeEvent(n, { type: "part", part }, taken.bytes);
  }

  #endWait(): void {
    clearTimeout(this.#grace);
    clearInterval(this.#excuse);
  }

  #hold(connection: DialInConnection): void {
    this.#endWait();
    this.#connection = connection;
    if (connection.hello.capabilities.steer && !this.#isSteered) void this.#steer();
    connection.waiting(this.#queue.reduce((sum, { bytes }) => sum + bytes, 0));
  }

  #forgetWaitingBytes(): void {
    this.#connection?.waiting(-this.#queue.reduce((sum, { bytes }) => sum + bytes, 0));
  }

  #acknowledgeSoon(): void {
    if (this.#taken - this.#acknowledged >= ACK_EVERY_EVENTS) return this.#acknowledge();
    this.#ackTimer ??= setTimeout(() => this.#acknowledge(), ACK_WITHIN_MS).unref();
  }

  #acknowledge(): void {
    clearTimeout(this.#ackTimer);
    this.#ackTimer = undefined;
    if (this.#connection?.send({ type: "event_ack", turnId: this.request.turnId, n: this.#taken }) === true)
      this.#acknowledged = this.#taken;
  }

  async #steer(): Promise<void> {
    this.#isSteered = true;
    for await (const message of this.#io.steering) {
      if (this.#scope.signal.aborted) return;
      if (this.#steered.length >= MAX_STEERED) this.#steered.shift();
      this.#steered.push(message);
      this.#connection?.send({ type: "turn_message", turnId: this.request.turnId, message });
    }
  }

  #repeatSteered(): void {
    for (const message of this.#steered)
      this.#connection?.send({ type: "turn_message", turnId: this.request.turnId, message });
  }

  #refuse(code: string, message: string, callId?: string): void {
    const { turnId } = this.request;
    this.#connection?.refuse(code, message, { turnId, ...(callId === undefined ? {} : { callId }) });
  }
}

/** The agent's own fault, which it is told in one clear word. */
const REFUSED: ReadonlySet<string> = new Set(["AGENT_REPLY_INVALID", "AGENT_REPLY_TOO_LARGE"]);

function reasonOf(end: ParleyError | "left"): string {
  if (end === "left") return "stopped";
  if (end.code === "AGENT_TIMEOUT") return "out of time";
  if (REFUSED.has(end.code)) return "the reply was refused";
  return end.code === "TURN_CANCELLED" ? (end.detail ?? "stopped") : end.row.userText;
}

/** The turn goes back to its queue, where it waits for the agent as long as an inbox keeps. */
export function awayError(waitedMs: number): ParleyError {
  return new ParleyError("AGENT_UNAVAILABLE", {
    detail: `the agent's connection dropped and did not come back within ${waitedMs} ms`,
    facts: { away: true },
  });
}
