import { once } from "node:events";
import WebSocket from "ws";
import {
  type AgentFrameInput,
  DIAL_IN_PATH,
  DIAL_IN_PROTOCOL,
  MAX_UNACKNOWLEDGED_EVENTS,
  type ParleyFrame,
} from "../../../src/contracts/dial-in-protocol.ts";

export type TurnStart = Extract<ParleyFrame, { type: "turn_start" }>;
type Hello = Extract<AgentFrameInput, { type: "hello" }>;

export interface DialInAgentOptions {
  /** Said in the header; undefined for none. */
  readonly token?: string;
  readonly hello?: Partial<Hello>;
  /** Default: turns are left lying. */
  readonly onTurn?: (start: TurnStart, agent: DialInAgent) => void | Promise<void>;
  /** Answers pings. Default true. */
  readonly answersPings?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A bare agent on a real WebSocket, which says exactly what a test makes it say. */
export class DialInAgent {
  readonly frames: ParleyFrame[] = [];
  /** Turns that were given and not ended yet, with the number of the last event that was said of each. */
  readonly open = new Map<string, { readonly attempt: number; sent: number; acknowledged: number }>();
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
  readonly socket: WebSocket;
  sentBytes = 0;
  readonly #waiting = new Set<() => void>();

  private constructor(socket: WebSocket, options: DialInAgentOptions) {
    this.socket = socket;
    this.closed = new Promise((resolve) => {
      socket.once("close", (code, reason) => resolve({ code, reason: reason.toString() }));
    });
    socket.on("error", () => undefined);
    socket.on("close", () => this.#tell());
    socket.on("message", (data: Buffer) => this.#hear(JSON.parse(data.toString()) as ParleyFrame, options)); // what the server under test says
  }

  /** Opens the socket and says hello; resolves when the server has said welcome, or has closed it. */
  static async dial(url: string, options: DialInAgentOptions = {}): Promise<DialInAgent> {
    const agent = await DialInAgent.connect(url, options);
    agent.hello(options.hello);
    await agent.until(() => agent.welcome !== undefined || agent.socket.readyState !== WebSocket.OPEN);
    return agent;
  }

  /** Opens the socket and says nothing. Rejects with the status of a refused upgrade. */
  static async connect(url: string, options: DialInAgentOptions = {}): Promise<DialInAgent> {
    const socket = new WebSocket(`${url.replace(/^http/, "ws")}${DIAL_IN_PATH}`, {
      headers: { ...(options.token !== undefined && { authorization: `Bearer ${options.token}` }), ...options.headers },
    });
    const agent = new DialInAgent(socket, options);
    await new Promise<void>((resolve, reject) => {
      socket.once("open", resolve);
      socket.once("error", reject);
      socket.once("unexpected-response", (_request, response) => {
        response.resume();
        reject(new Error(`refused with ${response.statusCode ?? 0}`));
        socket.terminate();
      });
    });
    return agent;
  }

  get welcome(): Extract<ParleyFrame, { type: "welcome" }> | undefined {
    return this.of("welcome")[0];
  }

  of<Type extends ParleyFrame["type"]>(type: Type): Extract<ParleyFrame, { type: Type }>[] {
    return this.frames.filter((frame): frame is Extract<ParleyFrame, { type: Type }> => frame.type === type);
  }

  hello(more: Partial<Hello> = {}): void {
    this.send({ type: "hello", protocol: DIAL_IN_PROTOCOL, client: { name: "bare", version: "1" }, ...more });
  }

  send(frame: AgentFrameInput): void {
    this.raw(JSON.stringify(frame));
  }

  raw(text: string): void {
    if (this.socket.readyState !== WebSocket.OPEN) return;
    this.socket.send(text);
    this.sentBytes += text.length;
  }

  /** Says the next event of a turn, whatever is acknowledged. False once the turn is over. */
  event(turnId: string, event: unknown): boolean {
    const turn = this.open.get(turnId);
    if (turn === undefined) return false;
    turn.sent += 1;
    this.raw(JSON.stringify({ type: "event", turnId, attempt: turn.attempt, n: turn.sent, event }));
    return true;
  }

  /** As `event`, within what may be unacknowledged. */
  async eventInWindow(turnId: string, event: unknown): Promise<boolean> {
    const turn = this.open.get(turnId);
    if (turn === undefined) return false;
    if (turn.sent - turn.acknowledged >= MAX_UNACKNOWLEDGED_EVENTS) {
      await this.until(
        () => turn.sent - turn.acknowledged < MAX_UNACKNOWLEDGED_EVENTS || !this.open.has(turnId) || this.isGone,
      );
    }
    return !this.isGone && this.event(turnId, event);
  }

  accept({ turn }: TurnStart): void {
    this.send({ type: "turn_accept", turnId: turn.turnId, attempt: turn.attempt });
  }

  /** Accepts a turn and answers it with a text. */
  answer(start: TurnStart, markdown: string): void {
    this.accept(start);
    this.event(start.turn.turnId, { type: "text_delta", markdown });
    this.event(start.turn.turnId, { type: "done" });
  }

  get isGone(): boolean {
    return this.socket.readyState !== WebSocket.OPEN;
  }

  /** Drops the line without a word. */
  drop(): void {
    this.socket.terminate();
  }

  async close(): Promise<void> {
    if (this.socket.readyState === WebSocket.CLOSED) return;
    const closed = once(this.socket, "close");
    this.socket.close();
    await closed;
  }

  /** Resolves when a condition holds after some frame; rejects after a time. */
  async until(condition: () => boolean, withinMs = 10_000): Promise<void> {
    const deadlineMs = performance.now() + withinMs;
    while (!condition()) {
      const leftMs = deadlineMs - performance.now();
      if (leftMs <= 0) throw new Error(`nothing of that kind came within ${withinMs} ms`);
      await new Promise<void>((resolve) => {
        const done = (): void => {
          clearTimeout(timer);
          this.#waiting.delete(done);
          resolve();
        };
        const timer = setTimeout(done, leftMs);
        this.#waiting.add(done);
      });
    }
  }

  #hear(frame: ParleyFrame, options: DialInAgentOptions): void {
    this.frames.push(frame);
    if (frame.type === "ping" && options.answersPings !== false) this.send({ type: "pong", at: frame.at });
    if (frame.type === "turn_start") {
      this.open.set(frame.turn.turnId, { attempt: frame.turn.attempt, sent: 0, acknowledged: 0 });
      void options.onTurn?.(frame, this);
    }
    if (frame.type === "event_ack") {
      const turn = this.open.get(frame.turnId);
      if (turn !== undefined) turn.acknowledged = frame.n;
    }
    if (frame.type === "turn_end" || frame.type === "turn_cancel") this.open.delete(frame.turnId);
    this.#tell();
  }

  #tell(): void {
    for (const done of this.#waiting) done();
  }
}
