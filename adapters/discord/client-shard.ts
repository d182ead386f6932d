import type {
  Encoding,
  IContextFetchingStrategy,
  SessionInfo,
  WebSocketShard,
  WebSocketShardEvents,
} from "@discordjs/ws";
import { type Dispatch, readFrame } from "./inbound-frame.ts";
import { asString } from "./raw.ts";

/** The parts of discord.js that a gateway needs; they take long to load, and only who opens a gateway loads them. */
export interface DiscordSdk {
  readonly WebSocketShard: typeof WebSocketShard;
  readonly WebSocketShardEvents: typeof WebSocketShardEvents;
  readonly Encoding: typeof Encoding;
}

export function loadDiscordSdk(): Promise<DiscordSdk> {
  return import("@discordjs/ws");
}

/** A session of the gateway, as it is kept over restarts. */
export interface GatewaySession {
  readonly sessionId: string;
  readonly resumeUrl: string;
  readonly shardCount: number;
}

export interface ShardPorts {
  readonly token: string;
  readonly intents: number;
  readonly shardId: number;
  readonly shardCount: number;
  /** Where sessions begin. */
  readonly gatewayUrl: string;
  /** Where sessions go on, too, whatever Discord names; undefined goes where it says. */
  readonly fixedUrl: string | undefined;
  readonly session: () => GatewaySession | undefined;
  /** The newest event before which all were ingested; heartbeats and resumes name it. */
  readonly position: () => number;
  /** Resolves when a connection may be opened; with false when none may be opened any more. */
  readonly mayConnect: () => Promise<boolean>;
  /** Resolves when an identify may be sent; it counts as sent. */
  readonly mayIdentify: (signal: AbortSignal) => Promise<void>;
  /** A new session began; all that the one before missed is lost to it. */
  readonly onSession: (session: GatewaySession, sequence: number) => void;
  readonly onSessionLost: () => void;
  readonly onDispatch: (dispatch: Dispatch) => void;
  readonly onUnreadable: (reason: string, frame: string, sequence: number | undefined) => void;
  readonly onConnected: () => void;
  readonly onClosed: (code: number) => void;
}

/** Codes after which Discord wants no further attempt. https://docs.discord.com/developers/topics/opcodes-and-status-codes#gateway-gateway-close-event-codes */
export const FATAL_CLOSE_CODES: ReadonlyMap<number, string> = new Map([
  [4004, "the bot token is refused"],
  [4010, "the shard does not exist"],
  [4011, "more shards are needed"],
  [4012, "the version of the gateway is gone"],
  [4013, "an intent does not exist"],
  [4014, "a privileged intent is not granted: switch it on in the developer portal, or choose the mode `mentions`"],
]);

/** Tells Discord that the session will go on. */
const CLOSE_RESUMABLE = 4_200;
const CLOSE_GRACE_MS = 1_500;
const WATCH_GRACE_MS = 500;
const IDLE = 0;
const CONNECTING = 1;

/**
 * One connection of the gateway, run by discord.js's own shard, which reconnects, resumes and beats.
 *
 * Frames are read here before the library sees them: in the order they came, and only what it can take. The library answers a
 * frame that it does not expect with an unhandled rejection, which would end the process.
 */
export class GatewayShard {
  readonly #ports: ShardPorts;
  readonly #shard: WebSocketShard;
  #stopped = false;
  #lastFrameAtMs = 0;
  #heartbeatMs = 0;
  #watchdog: NodeJS.Timeout | undefined;

  constructor(sdk: DiscordSdk, ports: ShardPorts) {
    this.#ports = ports;
    this.#shard = new sdk.WebSocketShard(this.#strategy(sdk), ports.shardId);
    const events = sdk.WebSocketShardEvents;
    const original: unknown = Reflect.get(this.#shard, "unpackMessage");
    if (typeof original !== "function")
      throw new Error("this version of @discordjs/ws unpacks frames in another place");
    Object.defineProperty(this.#shard, "unpackMessage", {
      value: async (data: unknown, isBinary: boolean) => this.#take(data, isBinary),
    });
    this.#shard.on(events.Closed, ({ code }) => {
      this.#unwatch();
      if (!this.#stopped) ports.onClosed(code);
    });
    this.#shard.on(events.Ready, () => ports.onConnected());
    this.#shard.on(events.Resumed, () => ports.onConnected());
    // Each is followed by a close, whose code says what is to be done.
    this.#shard.on(events.Error, () => undefined);
  }

  /** Begins to connect, and goes on by itself after each loss. Never rejects. */
  start(): void {
    this.#shard.connect().catch(() => undefined);
  }

  /** Drops the connection; the session goes on from the position with the next one. */
  drop(): void {
    const socket: unknown = Reflect.get(this.#shard, "connection");
    if (
      typeof socket === "object" &&
      socket !== null &&
      "terminate" in socket &&
      typeof socket.terminate === "function"
    )
      Reflect.apply(socket.terminate, socket, []);
  }

  /** Closes in a way that keeps the session. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#unwatch();
    if (this.#shard.status === IDLE) return;
    // The other side may be gone without a word: then nobody answers the close.
    const impatient = setTimeout(() => this.drop(), CLOSE_GRACE_MS);
    await Promise.resolve(this.#shard.destroy({ code: CLOSE_RESUMABLE, reason: "stopping" })).catch(() => undefined);
    clearTimeout(impatient);
  }

  #take(data: unknown, isBinary: boolean): unknown {
    this.#lastFrameAtMs = Date.now();
    const frame = readFrame(data, isBinary);
    if (this.#stopped) return null;
    switch (frame.kind) {
      case "unreadable":
        this.#ports.onUnreadable(frame.reason, typeof data === "string" ? data : "(binary)", frame.sequence);
        return null;
      case "dispatch":
        this.#ports.onDispatch(frame.dispatch);
        return null;
      case "session":
        this.#begin(frame.dispatch);
        this.#ports.onDispatch(frame.dispatch);
        return frame.payload;
      case "control":
        if (frame.heartbeatMs !== undefined) {
          // A second HELLO would set a second heart beating.
          if (this.#shard.status !== CONNECTING || this.#watchdog !== undefined) return null;
          this.#watch(frame.heartbeatMs);
        }
        return frame.payload;
    }
  }

  /** READY begins a session: it is known before its own event, which is the first to be counted in it. */
  #begin({ type, data, sequence }: Dispatch): void {
    const sessionId = asString(data["session_id"]);
    const resumeUrl = asString(data["resume_gateway_url"]);
    if (type !== "READY" || sessionId === undefined || resumeUrl === undefined) return;
    this.#ports.onSession({ sessionId, resumeUrl, shardCount: this.#ports.shardCount }, sequence);
  }

  /** Each heartbeat is answered: a connection on which nothing came for one and a half of them is dead, whatever its socket says. */
  #watch(heartbeatMs: number): void {
    this.#unwatch();
    this.#heartbeatMs = heartbeatMs;
    this.#watchdog = setInterval(
      () => {
        if (Date.now() - this.#lastFrameAtMs > 1.5 * this.#heartbeatMs + WATCH_GRACE_MS) this.drop();
      },
      Math.max(WATCH_GRACE_MS, heartbeatMs / 4),
    );
  }

  #unwatch(): void {
    clearInterval(this.#watchdog);
    this.#watchdog = undefined;
  }

  #strategy(sdk: DiscordSdk): IContextFetchingStrategy {
    const ports = this.#ports;
    return {
      options: {
        token: ports.token,
        intents: ports.intents,
        version: "10",
        encoding: sdk.Encoding.JSON,
        compression: null,
        identifyProperties: { browser: "parley", device: "parley", os: process.platform },
        handshakeTimeout: 10_000,
        helloTimeout: 15_000,
        readyTimeout: 30_000,
        largeThreshold: null,
        initialPresence: null,
        shardCount: ports.shardCount,
        gatewayInformation: {
          url: ports.gatewayUrl.replace(/\/$/u, ""),
          shards: ports.shardCount,
          session_start_limit: { total: 1_000, remaining: 1_000, reset_after: 0, max_concurrency: 1 },
        },
      },
      retrieveSessionInfo: async () => {
        // Asked before each connection, and again while one is open.
        if (this.#shard.status === IDLE) await this.#untilMayConnect();
        return this.#sessionInfo();
      },
      // Sessions and sequence numbers are counted where frames are read and events ingested; here only a loss is news.
      updateSessionInfo: (_shardId, info) => {
        if (info === null && !this.#stopped) ports.onSessionLost();
      },
      waitForIdentify: (_shardId, signal) => ports.mayIdentify(signal),
    };
  }

  async #untilMayConnect(): Promise<void> {
    const may = await this.#ports.mayConnect();
    // The library has no way to be told; what waits here for ever holds no timer and no socket.
    if (!may || this.#stopped) await new Promise(() => undefined);
  }

  #sessionInfo(): SessionInfo | null {
    const { shardId, fixedUrl } = this.#ports;
    const session = this.#ports.session();
    if (session === undefined) return null;
    const resumeURL = (fixedUrl ?? session.resumeUrl).replace(/\/$/u, "");
    return { ...session, shardId, resumeURL, sequence: this.#ports.position() };
  }
}
