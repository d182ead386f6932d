import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { type RawData, WebSocket, WebSocketServer } from "ws";
import type { Core } from "../core.ts";
import type { App, Wire } from "../model/records.ts";
import { ShortLived } from "../short-lived.ts";

/** What came of one envelope on one connection. */
export interface SocketOutcome {
  readonly result: "ok" | "timeout" | "connection_closed" | "no_connection";
  readonly response?: Wire;
  /** Which connection it was; a retry goes to another one if there is one. */
  readonly connectionId?: number;
}

interface Connection {
  readonly id: number;
  readonly appId: string;
  readonly socket: WebSocket;
  readonly unacknowledged: Map<string, (outcome: SocketOutcome) => void>;
  /** A frozen connection is silent in both directions, as behind a dead NAT entry. */
  frozen: boolean;
  /** Told to leave: it gets no more envelopes. */
  draining: boolean;
}

/** The server side of Socket Mode: tickets, hello, envelopes to one of up to ten connections, acknowledgements, pings, disconnects. */
export class SocketMode {
  readonly #core: Core;
  readonly #server = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  readonly #tickets = new ShortLived<string>(30_000);
  readonly #connections = new Map<string, Connection[]>();
  #turn = 0;
  #ids = 0;

  constructor(core: Core) {
    this.#core = core;
    const timer = setInterval(() => this.#pingAll(), core.options.socket.pingIntervalMs);
    timer.unref();
    this.#server.on("close", () => clearInterval(timer));
  }

  /** The address that apps.connections.open gives out: good for one connection, for 30 s. */
  ticketUrl(app: App): string {
    const ticket = this.#tickets.issue(app.id);
    return `${this.#core.url.replace("http", "ws")}/link/?ticket=${ticket}&app_id=${app.id}`;
  }

  /** Takes over an HTTP upgrade; refuses what carries no valid ticket. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const ticket = new URL(request.url ?? "/", "http://localhost").searchParams.get("ticket") ?? "";
    const redeemed = this.#tickets.redeem(ticket);
    if ("refused" in redeemed) {
      socket.end("HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n");
      return;
    }
    this.#server.handleUpgrade(request, socket, head, (opened) => this.#connected(redeemed.value, opened));
  }

  /** Sends an envelope to one connection and resolves with its acknowledgement, the timeout, or the end of the connection. */
  deliver(app: App, envelope: Wire, how: { dropSocketAfter?: boolean; avoid?: number } = {}): Promise<SocketOutcome> {
    const usable = (this.#connections.get(app.id) ?? []).filter(
      (one) => !one.draining && one.socket.readyState === WebSocket.OPEN,
    );
    const others = how.avoid === undefined ? usable : usable.filter((one) => one.id !== how.avoid);
    const open = others.length > 0 ? others : usable;
    this.#turn += 1;
    const connection = open[this.#turn % Math.max(1, open.length)];
    if (connection === undefined) return Promise.resolve({ result: "no_connection" });
    const envelopeId = randomUUID();
    return new Promise((resolve) => {
      const timer = setTimeout(() => settle({ result: "timeout" }), this.#core.options.delivery.timeoutMs);
      const settle = (outcome: SocketOutcome): void => {
        clearTimeout(timer);
        if (connection.unacknowledged.delete(envelopeId)) resolve({ ...outcome, connectionId: connection.id });
      };
      connection.unacknowledged.set(envelopeId, settle);
      if (connection.frozen) return;
      connection.socket.send(JSON.stringify({ envelope_id: envelopeId, ...envelope }));
      // Not at once: the frame shall reach the app, its acknowledgement shall not reach Slack.
      if (how.dropSocketAfter === true) setImmediate(() => connection.socket.terminate());
    });
  }

  connectionCount(appId: string): number {
    return (this.#connections.get(appId) ?? []).filter((one) => one.socket.readyState === WebSocket.OPEN).length;
  }

  /** Announces the end of connections as Slack does every few hours, then closes those that are still there after `graceMs` (default 10 000). */
  disconnect(
    appId: string,
    reason: "warning" | "refresh_requested" | "link_disabled",
    options: { count?: number; graceMs?: number } = {},
  ): void {
    const chosen = [...(this.#connections.get(appId) ?? [])].slice(0, options.count ?? Number.POSITIVE_INFINITY);
    for (const connection of chosen) {
      if (reason !== "warning") connection.draining = true;
      this.#send(connection, { type: "disconnect", reason, debug_info: { host: "applink-stand-in" } });
      if (reason !== "warning") this.#core.later(options.graceMs ?? 10_000, () => connection.socket.close(1000));
    }
  }

  /** Cuts connections without a goodbye. */
  drop(appId: string, options: { count?: number } = {}): void {
    for (const one of [...(this.#connections.get(appId) ?? [])].slice(0, options.count)) one.socket.terminate();
  }

  /** Makes connections silent without closing them: no events, no pings, no pongs. */
  freeze(appId: string): void {
    for (const connection of this.#connections.get(appId) ?? []) {
      connection.frozen = true;
      // Paused, ws does not even see the client's pings, and so sends no pongs.
      connection.socket.pause();
    }
  }

  close(): void {
    for (const connection of [...this.#connections.values()].flat()) connection.socket.terminate();
    this.#server.close();
  }

  #connected(appId: string, socket: WebSocket): void {
    this.#ids += 1;
    const connection: Connection = {
      id: this.#ids,
      appId,
      socket,
      unacknowledged: new Map(),
      frozen: false,
      draining: false,
    };
    const ofApp = this.#connections.get(appId) ?? [];
    this.#connections.set(appId, ofApp);
    socket.on("error", () => socket.terminate());
    if (ofApp.length >= this.#core.options.socket.maxConnections) {
      this.#send(connection, {
        type: "disconnect",
        reason: "too_many_websockets",
        debug_info: { host: "applink-stand-in" },
      });
      socket.close(1000);
      return;
    }
    ofApp.push(connection);
    socket.on("message", (data) => this.#received(connection, textOf(data)));
    socket.on("close", () => {
      ofApp.splice(ofApp.indexOf(connection), 1);
      for (const settle of connection.unacknowledged.values()) settle({ result: "connection_closed" });
    });
    this.#send(connection, {
      type: "hello",
      num_connections: ofApp.length,
      debug_info: { host: "applink-stand-in", build_number: 1, approximate_connection_time: 18060 },
      connection_info: { app_id: appId },
    });
  }

  #received(connection: Connection, text: string): void {
    if (connection.frozen) return;
    let frame: { envelope_id?: unknown; payload?: unknown };
    try {
      frame = JSON.parse(text) as typeof frame;
    } catch {
      return;
    }
    if (typeof frame.envelope_id !== "string") return;
    const { payload } = frame;
    // Parsed JSON: an object is a record of strings.
    const response = typeof payload === "object" && payload !== null ? (payload as Wire) : {};
    connection.unacknowledged.get(frame.envelope_id)?.({ result: "ok", response });
  }

  #send(connection: Connection, frame: Wire): void {
    if (!connection.frozen) connection.socket.send(JSON.stringify(frame));
  }

  #pingAll(): void {
    for (const connection of [...this.#connections.values()].flat()) {
      if (!connection.frozen && connection.socket.readyState === WebSocket.OPEN) {
        connection.socket.ping("Ping from applink-stand-in");
      }
    }
  }
}

/** A frame as text; ws hands out one Buffer unless told otherwise. */
function textOf(data: RawData): string {
  if (Array.isArray(data)) return Buffer.concat(data).toString("utf8");
  return (data instanceof ArrayBuffer ? Buffer.from(data) : data).toString("utf8");
}
