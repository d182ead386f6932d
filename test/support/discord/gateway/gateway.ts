import { randomBytes } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { type RawData, WebSocketServer } from "ws";
import type { Core } from "../core.ts";
import { type FrameFault, FrameFaults } from "../faults/frame-faults.ts";
import { isWire } from "../model/markup.ts";
import type { Application, Wire } from "../model/records.ts";
import { Connection } from "./connection.ts";
import { checkIdentify, type Identify } from "./identify.ts";
import { sendMembers } from "./member-chunks.ts";
import { readyPayload } from "./ready.ts";
import { Session } from "./session.ts";

/** Frames that a client may send in a minute. */
const MAX_FRAMES_PER_MINUTE = 120;
const MAX_FRAME_BYTES = 4_096;
/** Dispatches that are remembered for questions about them. */
const MAX_DISPATCHES = 100_000;
const ASK_AGAIN_MS = 10;
const DAY_MS = 86_400_000;

const OP = {
  DISPATCH: 0,
  HEARTBEAT: 1,
  IDENTIFY: 2,
  PRESENCE: 3,
  VOICE: 4,
  RESUME: 6,
  RECONNECT: 7,
  REQUEST_GUILD_MEMBERS: 8,
  INVALID_SESSION: 9,
  HELLO: 10,
  HEARTBEAT_ACK: 11,
  REQUEST_SOUNDBOARD: 31,
} as const;

/** One IDENTIFY and what came of it. */
export interface IdentifyRecord {
  readonly at: number;
  readonly applicationId: string | undefined;
  readonly shard: readonly [number, number];
  readonly intents: number;
  readonly outcome: string;
}

/** One RESUME and what came of it. */
export interface ResumeRecord {
  readonly at: number;
  readonly sessionId: string;
  /** Of the session that was asked for; undefined when there is none. */
  readonly shard: readonly [number, number] | undefined;
  readonly seq: number;
  readonly replayed: number;
  readonly outcome: "resumed" | "invalid_session" | "refused";
}

/** One dispatch, whether it arrived or not. */
export interface DispatchRecord {
  readonly at: number;
  readonly applicationId: string;
  readonly sessionId: string;
  readonly seq: number;
  readonly type: string;
}

/** The gateway: hello, heartbeats, sessions, resumes, dispatches, close codes, and what can go wrong with each. */
export class Gateway {
  readonly faults: FrameFaults;
  readonly #core: Core;
  readonly #server = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  readonly #connections = new Set<Connection>();
  readonly #sessions = new Map<string, Session>();
  readonly #identifies: IdentifyRecord[] = [];
  readonly #resumes: ResumeRecord[] = [];
  readonly #dispatches: DispatchRecord[] = [];
  readonly #closes: { at: number; code: number; by: "platform" | "app" }[] = [];
  readonly #lastIdentify = new Map<string, number>();
  readonly #lastMembersRequest = new Map<string, number>();
  readonly #reordered = new Map<string, { type: string; data: unknown }[]>();
  /** Shards that take nobody, as `application|shard`. */
  readonly #away = new Set<string>();
  #refuse: { code: number; times: number } | undefined;
  #ids = 0;

  constructor(core: Core) {
    this.#core = core;
    this.faults = new FrameFaults(core.random);
    const timer = setInterval(() => this.#sweep(), 250);
    timer.unref();
    this.#server.on("close", () => clearInterval(timer));
  }

  get url(): string {
    return `${this.#core.url.replace("http", "ws")}/gateway`;
  }

  /** Takes over an HTTP upgrade to /gateway. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const query = new URL(request.url ?? "/", "http://localhost").searchParams;
    this.#server.handleUpgrade(request, socket, head, (opened) => {
      this.#ids += 1;
      const connection = new Connection(this.#ids, opened, query.get("compress") === "zlib-stream");
      this.#connections.add(connection);
      opened.on("error", () => opened.terminate());
      opened.on("message", (data) => this.#received(connection, textOf(data)));
      opened.on("close", (code) => this.#closed(connection, code));
      if (query.get("encoding") === "etf") return this.#close(connection, 4002, "This stand-in speaks JSON.");
      if (!["9", "10", null].includes(query.get("v"))) return this.#close(connection, 4012, "Invalid API version.");
      connection.send({
        t: null,
        s: null,
        op: OP.HELLO,
        d: { heartbeat_interval: this.#core.options.gateway.heartbeatIntervalMs, _trace: ["stand-in"] },
      });
    });
  }

  // --- for the rest of the stand-in -------------------------------------------------------------------------------

  /** Every living session of an application. */
  sessionsOf(applicationId: string): Session[] {
    return [...this.#sessions.values()].filter((session) => session.applicationId === applicationId);
  }

  dispatch(session: Session, type: string, data: unknown): void {
    const fault = this.faults.pick(type, session.applicationId);
    if (fault?.kind === "delay") {
      this.#core.later(fault.delayMs ?? 100, () => this.#number(session, type, data, undefined));
    } else if (fault?.kind === "reorder") {
      const held = this.#reordered.get(session.id) ?? [];
      held.push({ type, data });
      this.#reordered.set(session.id, held);
      this.#core.later(fault.delayMs ?? 100, () => this.#releaseHeld(session));
    } else {
      this.#number(session, type, data, fault);
      this.#releaseHeld(session);
    }
  }

  /** What GET /gateway/bot says of the identifies that are left. */
  startLimit(applicationId: string): Wire {
    const { identifyLimit, maxConcurrency } = this.#core.options.gateway;
    const recent = this.#recentIdentifies(applicationId);
    return {
      total: identifyLimit,
      remaining: Math.max(0, identifyLimit - recent.length),
      reset_after: recent[0] === undefined ? 0 : Math.max(0, Math.ceil(recent[0].at + DAY_MS - Date.now())),
      max_concurrency: maxConcurrency,
    };
  }

  close(): void {
    for (const connection of this.#connections) connection.socket.terminate();
    this.#server.close();
  }

  // --- for tests ----------------------------------------------------------------------------------------------------

  /** Every IDENTIFY so far, of one application or of all. */
  identifies(applicationId?: string): IdentifyRecord[] {
    return this.#identifies.filter((one) => applicationId === undefined || one.applicationId === applicationId);
  }

  resumes(): ResumeRecord[] {
    return [...this.#resumes];
  }

  /** How connections ended: by whom and with which code. */
  closes(): { at: number; code: number; by: "platform" | "app" }[] {
    return [...this.#closes];
  }

  connectionCount(applicationId?: string): number {
    return [...this.#connections].filter(
      (one) => applicationId === undefined || one.session?.applicationId === applicationId,
    ).length;
  }

  /** Number of the newest dispatch of each session. */
  sequences(applicationId: string): { sessionId: string; shard: readonly [number, number]; seq: number }[] {
    return this.sessionsOf(applicationId).map(({ id, shard, seq }) => ({ sessionId: id, shard, seq }));
  }

  /** Dispatches to an application, of one type or of all, oldest first. */
  dispatches(applicationId: string, type?: string): DispatchRecord[] {
    return this.#dispatches.filter(
      (one) => one.applicationId === applicationId && (type === undefined || one.type === type),
    );
  }

  /**
   * What became of a dispatch: the client says by heartbeats, for which it is asked (op 1), how far it has come.
   *
   * `acknowledged` once it names this dispatch or a later one; `refused` once it has lost the connection without having done so, when
   * `isFailed` says so and a heartbeat that was asked for afterwards still names an earlier one, and after `timeoutMs`.
   */
  async answerTo(
    dispatch: DispatchRecord,
    isFailed: () => boolean,
    timeoutMs = 8_000,
  ): Promise<"acknowledged" | "refused"> {
    const deadlineMs = performance.now() + timeoutMs;
    const session = this.#sessions.get(dispatch.sessionId);
    const { connection } = session ?? {};
    while (performance.now() < deadlineMs) {
      if (session === undefined || connection === undefined) return "refused";
      if (session.position >= dispatch.seq) return "acknowledged";
      if (session.connection !== connection) return "refused";
      const failed = isFailed();
      const { reports } = session;
      connection.askedFor += 1;
      connection.send({ t: null, s: null, op: OP.HEARTBEAT, d: null });
      while (session.reports === reports && session.connection === connection && performance.now() < deadlineMs)
        await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
      if (failed && session.position < dispatch.seq) return "refused";
    }
    return "refused";
  }

  /** Asks clients to reconnect and resume (op 7). */
  requestReconnect(applicationId: string): void {
    for (const one of this.#connectionsOf(applicationId)) one.send({ t: null, s: null, op: OP.RECONNECT, d: null });
  }

  /** Tells clients that their session is gone (op 9); with `resumable` false it really is. The connection stands, for a resume or an identify. */
  invalidate(applicationId: string, resumable = false): void {
    for (const one of this.#connectionsOf(applicationId)) {
      const { session } = one;
      if (session === undefined) continue;
      one.session = undefined;
      session.connection = undefined;
      session.lostAtMs = performance.now();
      if (!resumable) this.#end(session);
      one.send({ t: null, s: null, op: OP.INVALID_SESSION, d: resumable });
    }
  }

  /** Forgets sessions without telling, of one shard or of all: the next resume is refused. */
  forgetSessions(applicationId: string, shardId?: number): void {
    for (const session of this.sessionsOf(applicationId)) if (isOf(session, shardId)) this.#end(session);
  }

  /** Closes connections with a code, such as 4000 or 4004; those of one shard or all. */
  closeAll(applicationId: string, code: number, reason = "", shardId?: number): void {
    for (const one of this.#connectionsOf(applicationId, shardId)) this.#close(one, code, reason);
  }

  /** Cuts connections without a goodbye, those of one shard or all. */
  drop(applicationId: string, shardId?: number): void {
    for (const one of this.#connectionsOf(applicationId, shardId)) one.socket.terminate();
  }

  /** Makes connections half-open, those of one shard or all: no frames, no acknowledgements, no end. */
  freeze(applicationId: string, shardId?: number): void {
    for (const one of this.#connectionsOf(applicationId, shardId)) one.freeze();
  }

  /** The next `times` identifies and resumes, of all shards together, end with this close code. */
  refuseNext(code: number, times = 1): void {
    this.#refuse = { code, times };
  }

  /** From now on nobody is let in, to this shard alone, until it is let in again: identifies and resumes are cut off. */
  setShardAway(applicationId: string, shardId: number, isAway: boolean): void {
    const key = `${applicationId}|${shardId}`;
    if (isAway) this.#away.add(key);
    else this.#away.delete(key);
    if (isAway) this.drop(applicationId, shardId);
  }

  /** Sends text as a frame of its own, outside of any session's numbers. */
  sendText(applicationId: string, text: string): void {
    for (const one of this.#connectionsOf(applicationId)) one.sendText(text);
  }

  /** Sends a binary frame as it is; given in base64, so that other processes can. */
  sendBytes(applicationId: string, base64: string): void {
    for (const one of this.#connectionsOf(applicationId)) one.sendRaw(Buffer.from(base64, "base64"));
  }

  /** Dispatches whatever is given, numbered as an event of the sessions that cover the guild; returns the numbers. */
  inject(applicationId: string, type: string, data: unknown, guildId?: string): number[] {
    return this.sessionsOf(applicationId)
      .filter((session) => session.covers(guildId))
      .map((session) => {
        this.dispatch(session, type, data);
        return session.seq;
      });
  }

  // --- the protocol --------------------------------------------------------------------------------------------------

  #received(connection: Connection, text: string): void {
    if (connection.frozen) return;
    const nowMs = performance.now();
    if (connection.askedFor > 0) connection.askedFor -= 1;
    else connection.receivedAt.push(nowMs);
    while ((connection.receivedAt[0] ?? nowMs) < nowMs - 60_000) connection.receivedAt.shift();
    if (connection.receivedAt.length > MAX_FRAMES_PER_MINUTE) return this.#close(connection, 4008, "Rate limited.");
    if (Buffer.byteLength(text) > MAX_FRAME_BYTES)
      return this.#close(connection, 4002, "Error while decoding payload.");
    let frame: unknown;
    try {
      frame = JSON.parse(text);
    } catch {
      return this.#close(connection, 4002, "Error while decoding payload.");
    }
    if (!isWire(frame)) return this.#close(connection, 4002, "Error while decoding payload.");
    const { op, d } = frame;
    if (op === OP.HEARTBEAT) {
      connection.lastHeartbeatMs = nowMs;
      if (typeof d === "number") connection.session?.report(d);
      return connection.send({ t: null, s: null, op: OP.HEARTBEAT_ACK, d: null });
    }
    if (op === OP.IDENTIFY) return this.#identify(connection, d);
    if (op === OP.RESUME) return this.#resume(connection, d);
    const { session } = connection;
    if (session === undefined) return this.#close(connection, 4003, "Not authenticated.");
    if (op === OP.REQUEST_GUILD_MEMBERS) {
      const denial = sendMembers(this.#core, session, d, this.#lastMembersRequest, (type, data) =>
        this.dispatch(session, type, data),
      );
      if (denial !== undefined) this.#close(connection, denial.code, denial.reason);
    } else if (op !== OP.PRESENCE && op !== OP.VOICE && op !== OP.REQUEST_SOUNDBOARD)
      this.#close(connection, 4001, "Unknown opcode.");
  }

  #identify(connection: Connection, data: unknown): void {
    if (connection.session !== undefined) return this.#close(connection, 4005, "Already authenticated.");
    const checked = checkIdentify(this.#core, data);
    const record = (outcome: string): void =>
      void this.#identifies.push({
        at: Date.now(),
        applicationId: checked.application?.id,
        shard: checked.shard,
        intents: checked.intents,
        outcome,
      });
    const refused = this.#refusal() ?? checked.refused;
    if (refused !== undefined) {
      record(String(refused.code));
      return this.#close(connection, refused.code, refused.reason);
    }
    const { application } = checked;
    if (application === undefined) throw new Error("an accepted identify has an application");
    if (this.#away.has(`${application.id}|${checked.shard[0]}`)) {
      record("away");
      return connection.socket.terminate();
    }
    if (this.#recentIdentifies(application.id).length >= this.#core.options.gateway.identifyLimit) {
      record("token_reset");
      // What Discord does: all sessions end and the token is replaced.
      this.#core.world.replaceToken(application, this.#core.world.newBotToken(application.botUserId));
      this.forgetSessions(application.id);
      return this.#close(connection, 4004, "Authentication failed.");
    }
    if (this.#isTooSoon(application, checked)) {
      record("too_soon");
      return connection.send({ t: null, s: null, op: OP.INVALID_SESSION, d: false });
    }
    record("ready");
    this.#begin(connection, application, checked);
  }

  #begin(connection: Connection, application: Application, identify: Identify): void {
    const { shard, intents, compress } = identify;
    const begun = {
      id: randomBytes(16).toString("hex"),
      applicationId: application.id,
      botUserId: application.botUserId,
    };
    const session = new Session({ ...begun, shard, intents });
    this.#sessions.set(session.id, session);
    connection.session = session;
    connection.compressesPayloads = compress;
    session.connection = connection;
    for (const { type, data } of readyPayload(this.#core, application, session, this.url))
      this.dispatch(session, type, data);
  }

  #resume(connection: Connection, data: unknown): void {
    const { token, session_id: sessionId, seq } = isWire(data) ? data : {};
    const record = (outcome: ResumeRecord["outcome"], replayed = 0): void => {
      const { shard } = this.#sessions.get(String(sessionId)) ?? {};
      const asked = { at: Date.now(), sessionId: String(sessionId), shard, seq: Number(seq) };
      this.#resumes.push({ ...asked, replayed, outcome });
    };
    if (connection.session !== undefined) return this.#close(connection, 4005, "Already authenticated.");
    const refused = this.#refusal();
    if (refused !== undefined) {
      record("refused");
      return this.#close(connection, refused.code, refused.reason);
    }
    const application = this.#core.world.applicationByToken(bareToken(token));
    if (application === undefined) {
      record("refused");
      return this.#close(connection, 4004, "Authentication failed.");
    }
    const session = this.#sessions.get(typeof sessionId === "string" ? sessionId : "");
    const missed = typeof seq === "number" ? session?.since(seq) : undefined;
    if (session === undefined || session.applicationId !== application.id || missed === undefined) {
      if (session !== undefined && typeof seq === "number" && seq > session.seq) {
        record("refused");
        return this.#close(connection, 4007, "Invalid seq.");
      }
      record("invalid_session");
      return connection.send({ t: null, s: null, op: OP.INVALID_SESSION, d: false });
    }
    if (this.#away.has(`${application.id}|${session.shard[0]}`)) {
      record("refused");
      return connection.socket.terminate();
    }
    session.connection?.socket.terminate();
    session.connection = connection;
    session.report(Number(seq));
    session.lostAtMs = undefined;
    connection.session = session;
    record("resumed", missed.length);
    for (const text of missed) connection.sendText(text);
    this.#number(session, "RESUMED", { _trace: ["stand-in"] }, undefined);
  }

  /** Gives a dispatch its number and sends it, with or without harm. */
  #number(session: Session, type: string, data: unknown, fault: FrameFault | undefined): void {
    const text = session.number(type, data);
    const { connection } = session;
    this.#dispatches.push({
      at: Date.now(),
      applicationId: session.applicationId,
      sessionId: session.id,
      seq: session.seq,
      type,
    });
    if (this.#dispatches.length > MAX_DISPATCHES) this.#dispatches.splice(0, MAX_DISPATCHES / 2);
    if (connection === undefined || fault?.kind === "drop") return;
    if (fault?.kind === "cut") return connection.socket.terminate();
    if (fault?.kind === "malformed_json") return connection.sendText(text.slice(0, Math.floor(text.length / 2)));
    if (fault?.kind === "garbage") return connection.sendRaw(randomBytes(64));
    connection.sendText(text);
    if (fault?.kind === "duplicate") connection.sendText(text);
  }

  #releaseHeld(session: Session): void {
    const held = this.#reordered.get(session.id) ?? [];
    this.#reordered.delete(session.id);
    for (const { type, data } of held) this.#number(session, type, data, undefined);
  }

  #isTooSoon(application: Application, { shard }: Identify): boolean {
    const { maxConcurrency, identifyWindowMs } = this.#core.options.gateway;
    const key = `${application.id}|${shard[0] % maxConcurrency}`;
    const nowMs = performance.now();
    const last = this.#lastIdentify.get(key);
    if (last !== undefined && nowMs - last < identifyWindowMs) return true;
    this.#lastIdentify.set(key, nowMs);
    return false;
  }

  #recentIdentifies(applicationId: string): IdentifyRecord[] {
    const since = Date.now() - DAY_MS;
    return this.#identifies.filter(
      (one) => one.applicationId === applicationId && one.at > since && one.outcome === "ready",
    );
  }

  #refusal(): { code: number; reason: string } | undefined {
    const refuse = this.#refuse;
    if (refuse === undefined) return undefined;
    refuse.times -= 1;
    if (refuse.times <= 0) this.#refuse = undefined;
    return { code: refuse.code, reason: "" };
  }

  #close(connection: Connection, code: number, reason: string): void {
    this.#closes.push({ at: Date.now(), code, by: "platform" });
    connection.close(code, reason);
  }

  #closed(connection: Connection, code: number): void {
    this.#connections.delete(connection);
    connection.ended();
    const { session } = connection;
    if (session === undefined || session.connection !== connection) return;
    session.connection = undefined;
    session.lostAtMs = performance.now();
    // A goodbye with one of these codes says that the client will not come back.
    if (code === 1000 || code === 1001) this.#end(session);
    this.#closes.push({ at: Date.now(), code, by: "app" });
  }

  #end(session: Session): void {
    this.#sessions.delete(session.id);
  }

  #connectionsOf(applicationId: string, shardId?: number): Connection[] {
    return [...this.#connections].filter(
      ({ session }) => session?.applicationId === applicationId && isOf(session, shardId),
    );
  }

  #sweep(): void {
    const { sessionLifetimeMs, heartbeatIntervalMs } = this.#core.options.gateway;
    const nowMs = performance.now();
    for (const session of this.#sessions.values())
      if (session.lostAtMs !== undefined && nowMs - session.lostAtMs > sessionLifetimeMs) this.#end(session);
    for (const connection of this.#connections)
      if (!connection.frozen && nowMs - connection.lastHeartbeatMs > heartbeatIntervalMs * 2)
        this.#close(connection, 4009, "Session timed out.");
  }
}

function isOf({ shard }: Session, shardId: number | undefined): boolean {
  return shardId === undefined || shard[0] === shardId;
}

function bareToken(token: unknown): string {
  return typeof token === "string" ? token.replace(/^Bot /u, "") : "";
}

/** A frame as text; ws hands out one Buffer unless told otherwise. */
function textOf(data: RawData): string {
  if (Array.isArray(data)) return Buffer.concat(data).toString("utf8");
  return (data instanceof ArrayBuffer ? Buffer.from(data) : data).toString("utf8");
}
