import {
  type AgentFrameInput,
  CLOSE_CODES,
  DIAL_IN_PROTOCOL,
  type ParleyFrame,
} from "../../src/contracts/dial-in-protocol.ts";
import { ParleyFrameSchema } from "../../src/contracts/parley-frame-schema.ts";
import { backOffMs, drainPauseMs } from "./back-off.ts";
import { AgentClientError } from "./client-error.ts";

type Welcome = Extract<ParleyFrame, { type: "welcome" }>;
type Hello = Extract<AgentFrameInput, { type: "hello" }>;

/** How long a welcome may take, in ms. */
const WELCOME_TIMEOUT_MS = 15_000;
/** A connection on which nothing came for so many heartbeats is dead. */
const SILENT_HEARTBEATS = 2.5;
const NORMAL_CLOSURE = 1000;

export interface DialInSocketOptions {
  readonly address: string;
  readonly hello: () => Omit<Hello, "type" | "protocol">;
  readonly onWelcome: (welcome: Welcome) => void;
  readonly onFrame: (frame: ParleyFrame) => void;
  /** It will not be opened again. */
  readonly onEnd: (error: AgentClientError) => void;
  readonly log: (line: string) => void;
}

/**
 * One connection to Parley that is there again after every drop, until it is closed or told not to come again.
 *
 * Obeys Parley's close codes: `replaced`, `revoked`, `unauthenticated` and faults of the protocol end it; a draining process is left for
 * the next at once; everything else is tried again with pauses that double up to half a minute.
 */
export class DialInSocket {
  readonly #options: DialInSocketOptions;
  #socket: WebSocket | undefined;
  #isWelcome = false;
  #isOver = false;
  #attempts = 0;
  #watchdog: NodeJS.Timeout | undefined;
  #retry: NodeJS.Timeout | undefined;
  #heartbeatMs = WELCOME_TIMEOUT_MS;
  #lastRefusal = "";

  constructor(options: DialInSocketOptions) {
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#isWelcome;
  }

  open(): void {
    if (this.#isOver) return;
    this.#attempts += 1;
    const socket = new WebSocket(this.#options.address);
    this.#socket = socket;
    this.#watch(WELCOME_TIMEOUT_MS);
    socket.addEventListener("open", () => {
      this.#write(socket, { type: "hello", protocol: DIAL_IN_PROTOCOL, ...this.#options.hello() });
    });
    socket.addEventListener("message", ({ data }) => {
      if (socket === this.#socket) this.#read(data);
    });
    socket.addEventListener("close", ({ code, reason }) => this.#down(socket, code, reason));
  }

  /** False when there is no connection now; what was to be said is said again after the next welcome. */
  send(frame: AgentFrameInput): boolean {
    if (!this.#isWelcome || this.#socket === undefined) return false;
    this.#write(this.#socket, frame);
    return true;
  }

  close(): void {
    this.#finish(new AgentClientError("closed", "this agent was closed"));
    this.#socket?.close(NORMAL_CLOSURE);
  }

  #write(socket: WebSocket, frame: AgentFrameInput): void {
    if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(frame));
  }

  #read(data: unknown): void {
    const frame = parseFrame(data);
    if (this.#isWelcome) this.#watch(this.#heartbeatMs * SILENT_HEARTBEATS);
    if (frame === undefined) return;
    if (frame.type === "ping") {
      if (this.#socket !== undefined) this.#write(this.#socket, { type: "pong", at: frame.at });
    } else if (frame.type === "welcome") {
      this.#attempts = 0;
      this.#isWelcome = true;
      this.#heartbeatMs = frame.heartbeatMs;
      this.#watch(frame.heartbeatMs * SILENT_HEARTBEATS);
      this.#options.onWelcome(frame);
    } else {
      if (frame.type === "error") this.#lastRefusal = frame.message;
      this.#options.onFrame(frame);
    }
  }

  /** A connection that has died without a word is given up: its own close would wait for an answer. */
  #watch(timeoutMs: number): void {
    clearTimeout(this.#watchdog);
    const socket = this.#socket;
    this.#watchdog = setTimeout(() => {
      if (socket === undefined) return;
      socket.close();
      this.#down(socket, 0, `nothing was heard for ${timeoutMs} ms`);
    }, timeoutMs);
  }

  #down(socket: WebSocket, code: number, reason: string): void {
    if (socket !== this.#socket || this.#isOver) return;
    clearTimeout(this.#watchdog);
    this.#socket = undefined;
    const wasWelcome = this.#isWelcome;
    this.#isWelcome = false;
    const end = endOf(code, reason || this.#lastRefusal);
    if (end !== undefined) return this.#finish(end);
    const pauseMs = code === CLOSE_CODES.draining && wasWelcome ? drainPauseMs() : backOffMs(this.#attempts + 1);
    const what = wasWelcome ? "The connection to Parley is gone" : `Parley does not answer at ${this.#options.address}`;
    this.#options.log(`${what}${reason === "" ? "" : ` (${reason})`}; dialling in again in ${Math.ceil(pauseMs)} ms.`);
    this.#retry = setTimeout(() => this.open(), pauseMs);
  }

  #finish(error: AgentClientError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#isWelcome = false;
    clearTimeout(this.#watchdog);
    clearTimeout(this.#retry);
    this.#options.onEnd(error);
  }
}

function endOf(code: number, reason: string): AgentClientError | undefined {
  const said = reason === "" ? "" : ` (${reason})`;
  switch (code) {
    case CLOSE_CODES.replaced:
      return new AgentClientError(
        "replaced",
        `another process has dialled in with this token, and this one stands back${said}; give each process a token of its own`,
      );
    case CLOSE_CODES.revoked:
      return new AgentClientError(
        "revoked",
        `the agent was removed or stopped, or its token revoked${said}; give it a new one with "parley agents rotate"`,
      );
    case CLOSE_CODES.unauthenticated:
      return new AgentClientError(
        "unauthenticated",
        `Parley does not know this token${said}; check PARLEY_TOKEN, or make a new one`,
      );
    case CLOSE_CODES.protocolError:
      return new AgentClientError(
        "protocol",
        `Parley could not understand this client${said}; are both of the same version?`,
      );
    case CLOSE_CODES.frameTooLarge:
      return new AgentClientError("protocol", `a frame was larger than Parley takes${said}`);
    default:
      return undefined;
  }
}

function parseFrame(data: unknown): ParleyFrame | undefined {
  if (typeof data !== "string") return undefined;
  try {
    const parsed = ParleyFrameSchema.safeParse(JSON.parse(data));
    // A newer Parley may say things that this client does not know.
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}
