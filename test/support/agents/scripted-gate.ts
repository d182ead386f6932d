import assert from "node:assert/strict";
import { once } from "node:events";
import { type WebSocket, WebSocketServer } from "ws";
import type { TurnRequest } from "../../../src/contracts/connector.ts";
import { AgentFrame, DIAL_IN_PROTOCOL, type ParleyFrame } from "../../../src/contracts/dial-in-protocol.ts";

type Named = Extract<ParleyFrame, { type: "welcome" }>["turns"];
type Hello = Extract<AgentFrame, { type: "hello" }>;

const PATIENCE_MS = 5_000;

/** One connection of an agent, as the other side of a real WebSocket sees it. Every frame it sends is checked against the protocol. */
export class GateConnection {
  readonly frames: AgentFrame[] = [];
  readonly #socket: WebSocket;
  #read = 0;
  #wake: (() => void) | undefined;
  isClosed = false;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (data: Buffer) => {
      this.frames.push(AgentFrame.parse(JSON.parse(data.toString("utf8"))));
      this.#wake?.();
    });
    socket.on("close", () => {
      this.isClosed = true;
      this.#wake?.();
    });
  }

  send(frame: ParleyFrame): void {
    this.#socket.send(JSON.stringify(frame));
  }

  sendRaw(text: string): void {
    this.#socket.send(text);
  }

  /** The next frame of this type that was not read yet; those before it are passed over. */
  async next<Type extends AgentFrame["type"]>(type: Type): Promise<Extract<AgentFrame, { type: Type }>> {
    const deadlineMs = performance.now() + PATIENCE_MS;
    for (;;) {
      while (this.#read < this.frames.length) {
        const frame = this.frames[this.#read];
        this.#read += 1;
        if (frame?.type === type) return frame as Extract<AgentFrame, { type: Type }>; // its type was just compared
      }
      const leftMs = deadlineMs - performance.now();
      assert.ok(
        leftMs > 0 && !this.isClosed,
        `no ${type} came; there were ${this.frames.map((f) => f.type).join(", ")}`,
      );
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** Reads events of the turn to its `done`; acknowledges each. The reply in order of `n`, with gaps and repeats as they came. */
  async reply(turnId: string): Promise<readonly Extract<AgentFrame, { type: "event" }>[]> {
    const events: Extract<AgentFrame, { type: "event" }>[] = [];
    for (;;) {
      const frame = await this.next("event");
      if (frame.turnId !== turnId) continue;
      events.push(frame);
      this.send({ type: "event_ack", turnId, n: frame.n });
      if (frame.event.type === "done") return events;
    }
  }

  /** Ends the connection as a broken network does. */
  drop(): void {
    this.#socket.terminate();
  }

  close(code: number, reason = ""): void {
    this.#socket.close(code, reason);
  }
}

/** A real WebSocket server that agents dial in to, and that says exactly what a test tells it to. */
export class ScriptedGate {
  readonly url: string;
  readonly #server: WebSocketServer;
  readonly #waiting: GateConnection[] = [];
  #wake: (() => void) | undefined;
  connectionCount = 0;

  private constructor(server: WebSocketServer, port: number) {
    this.#server = server;
    this.url = `http://127.0.0.1:${port}`;
    server.on("connection", (socket) => {
      this.connectionCount += 1;
      this.#waiting.push(new GateConnection(socket));
      this.#wake?.();
    });
  }

  static async start(port = 0): Promise<ScriptedGate> {
    const server = new WebSocketServer({ host: "127.0.0.1", port, path: "/api/agents/connect" });
    await once(server, "listening");
    const address = server.address();
    assert.ok(typeof address === "object" && address !== null);
    return new ScriptedGate(server, address.port);
  }

  /** The next connection, its hello read and not answered. */
  async dialled(): Promise<{ readonly connection: GateConnection; readonly hello: Hello }> {
    while (this.#waiting.length === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const connection = this.#waiting.shift();
    assert.ok(connection !== undefined);
    return { connection, hello: await connection.next("hello") };
  }

  /** The next connection, welcomed. */
  async welcomed(turns: Named = []): Promise<{ readonly connection: GateConnection; readonly hello: Hello }> {
    const dialled = await this.dialled();
    dialled.connection.send(welcome(turns));
    return dialled;
  }

  async stop(): Promise<void> {
    for (const socket of this.#server.clients) socket.terminate();
    this.#server.close();
    await once(this.#server, "close");
  }
}

function welcome(turns: Named, heartbeatMs = 20_000): ParleyFrame {
  return {
    type: "welcome",
    protocol: DIAL_IN_PROTOCOL,
    connectionId: "connection-1",
    agent: { agentId: "a-1", handle: "helper", name: "Helper" },
    heartbeatMs,
    maxFrameBytes: 1_048_576,
    turns,
  };
}

export function turnStart(turn: TurnRequest): ParleyFrame {
  return { type: "turn_start", turn };
}

/** The text of a reply. */
export function textOfEvents(events: readonly Extract<AgentFrame, { type: "event" }>[]): string {
  return events.map(({ event }) => (event.type === "text_delta" ? event.markdown : "")).join("");
}
