import type { AdapterSink, Installation } from "../../src/contracts/adapter-sink.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { BoundedMap } from "../shared/bounded-map.ts";
import type { SendLimiter } from "../shared/send-limiter.ts";
import { HomeserverClient, type MatrixCall } from "./client.ts";
import type { MatrixConnections } from "./client-fetch.ts";
import type { MatrixConfig } from "./config.ts";
import type { AccountCrypto } from "./crypto-port.ts";
import { isUnanswered } from "./errors.ts";
import { EventIndex } from "./event-index.ts";
import { EventMemory } from "./event-memory.ts";
import { serverOf } from "./matrix-ids.ts";
import { RoomOrder } from "./order.ts";
import { Patience } from "./patience.ts";
import { SEND } from "./rate-rules.ts";
import type { Raw } from "./raw.ts";
import { Rooms } from "./rooms.ts";
import { StoredEvents } from "./stored-events.ts";

/** Longest pause that is believed to be the whole account's, in ms: at 0.2 messages a second one is free again after five seconds. */
const MAX_ACCOUNT_PAUSE_MS = 10_000;

/** What all accounts of an adapter share. */
export interface AccountTools {
  readonly config: MatrixConfig;
  readonly connections: MatrixConnections;
  readonly limiter: SendLimiter;
  readonly sink: AdapterSink;
  /** Called when the homeserver refuses the account's token. */
  readonly onUnauthorized: (account: Account, reason: string) => Promise<void>;
}

export interface SendCall extends Omit<MatrixCall, "method"> {
  readonly method: "PUT" | "POST";
  readonly roomId: string;
  /** False when the caller took its turn at the limiter already. */
  readonly paced?: boolean;
}

/** One installation at run time: a bot account, or an application service with its puppets. */
export class Account {
  readonly record: Installation;
  readonly userId: string;
  readonly server: string;
  readonly deviceId: string | undefined;
  readonly botName: string;
  /** What puppets' names begin with; undefined for a bot account. */
  readonly puppetPrefix: string | undefined;
  readonly client: HomeserverClient;
  readonly rooms: Rooms;
  readonly order = new RoomOrder();
  readonly events = new EventIndex();
  readonly memory = new EventMemory(this);
  readonly stored = new StoredEvents();
  readonly patience = new Patience();
  readonly sink: AdapterSink;
  readonly config: MatrixConfig;
  readonly paced: boolean;
  readonly trustedServers: ReadonlySet<string>;
  lastEventAtMs: number | undefined;
  /** Told of every call that the homeserver did not answer. */
  onUnanswered: (() => void) | undefined;
  /** Events may be looked up again from then on, in ms since 1970. */
  lookUpsFromMs = 0;
  /** This process hears of every change in the account's rooms: it syncs, and is in sync. */
  live = false;
  /** Present while this process owns the account's device. */
  crypto: AccountCrypto | undefined;
  /** The newest event of each thread, which clients without threads are shown as what a message answers. */
  readonly #latest = new BoundedMap<string, string>({ maxEntries: 10_000 });
  readonly #tools: AccountTools;

  constructor(record: Installation, tools: AccountTools) {
    this.record = record;
    this.#tools = tools;
    this.sink = tools.sink;
    this.config = tools.config;
    this.userId = settingOf(record, "userId") ?? record.externalId;
    this.server = serverOf(this.userId);
    this.deviceId = settingOf(record, "deviceId");
    this.botName = settingOf(record, "botName") ?? record.name;
    this.puppetPrefix = settingOf(record, "puppetPrefix");
    this.trustedServers = new Set(tools.config.trustedServers);
    this.paced = tools.config.pacing ?? this.puppetPrefix === undefined;
    this.client = new HomeserverClient({
      homeserverUrl: settingOf(record, "homeserverUrl") ?? tools.config.homeserverUrl,
      accessToken: this.token,
      timeoutMs: tools.config.callTimeoutMs,
      connections: tools.connections,
    });
    this.rooms = new Rooms(this);
  }

  get fetch(): typeof globalThis.fetch {
    return this.#tools.connections.fetch;
  }

  get installationId(): string {
    return this.record.installationId;
  }

  get token(): string {
    return this.record.secrets["accessToken"] ?? "";
  }

  /** Whether the account is to take part in encrypted rooms. */
  get encrypts(): boolean {
    return this.record.settings["encryption"] === true && this.puppetPrefix === undefined;
  }

  /** The user id under which an agent acts; undefined on a bot account, which all agents share. */
  puppetOf(handle: string): string | undefined {
    return this.puppetPrefix === undefined ? undefined : `@${this.puppetPrefix}${handle}:${this.server}`;
  }

  /** The handle of the agent whose puppet this is. */
  agentOf(userId: string): string | undefined {
    const { puppetPrefix, server } = this;
    if (puppetPrefix === undefined || !userId.startsWith(`@${puppetPrefix}`) || !userId.endsWith(`:${server}`))
      return undefined;
    const handle = userId.slice(puppetPrefix.length + 1, -server.length - 1);
    return /^[a-z][a-z0-9_-]{0,31}$/u.test(handle) ? handle : undefined;
  }

  isOwn(userId: string): boolean {
    return userId === this.userId || this.agentOf(userId) !== undefined;
  }

  latestIn(roomId: string, threadId: string): string {
    return this.#latest.get(`${roomId}\n${threadId}`) ?? threadId;
  }

  noteLatest(roomId: string, threadId: string, eventId: string): void {
    this.#latest.set(`${roomId}\n${threadId}`, eventId);
  }

  /** Performs a call that writes no message. */
  call(call: MatrixCall): Promise<Raw> {
    this.#requireActive();
    return this.guarded(call.label, undefined, this.client.call(call), call.signal);
  }

  /** Performs a call that counts as a message, in its turn; what the homeserver says about pauses is kept. */
  async send(call: SendCall): Promise<Raw> {
    this.#requireActive();
    const { limiter } = this.#tools;
    if (call.paced !== false) {
      await limiter.acquire(this.#key(call), call.signal ?? undefined);
      // Last, so that a pause of all is heeded however long the room had to wait.
      if (this.paced) await limiter.acquire(this.#key(undefined), call.signal ?? undefined);
    }
    return this.guarded(call.label, call, this.client.call(call), call.signal);
  }

  /** Time until an edit of a preview may go out, in ms; 0 takes the turn. */
  takePreviewTurn(roomId: string, asUser: string | undefined): number {
    if (this.record.status !== "active") return 1_000;
    const { limiter } = this.#tools;
    const pauseMs = limiter.takePreviewTurn(this.#key({ roomId, asUser }));
    return pauseMs > 0 || !this.paced ? pauseMs : limiter.takePreviewTurn(this.#key(undefined));
  }

  async guarded<Answer>(
    label: string,
    place: { readonly roomId: string; readonly asUser?: string | undefined } | undefined,
    call: Promise<Answer>,
    signal?: AbortSignal,
  ): Promise<Answer> {
    try {
      return await call;
    } catch (error) {
      if (error instanceof ParleyError && error.code === "PLATFORM_RATE_LIMITED" && place !== undefined)
        this.#keepPause(place, error.retryAfterMs ?? 0);
      if (isUnanswered(error) && signal?.aborted !== true) this.onUnanswered?.();
      if (error instanceof ParleyError && error.code === "PLATFORM_UNAUTHORIZED")
        await this.#tools.onUnauthorized(this, error.detail ?? label);
      throw error;
    }
  }

  /** Synapse's own limits count all that an account writes, and last for seconds; a longer pause is that of the room alone. */
  #keepPause(place: { readonly roomId: string; readonly asUser?: string | undefined }, pauseMs: number): void {
    const { limiter } = this.#tools;
    limiter.pause(this.#key(place), pauseMs);
    if (this.paced && pauseMs <= MAX_ACCOUNT_PAUSE_MS) limiter.pause(this.#key(undefined), pauseMs);
  }

  /** The account's own share has the name of the method alone; pauses are kept per room and acting user. */
  #key(place: { readonly roomId: string; readonly asUser?: string | undefined } | undefined) {
    const { installationId } = this;
    if (place === undefined) return { installationId, method: SEND };
    return { installationId, method: `${SEND} to room`, channel: `${place.roomId} ${place.asUser ?? ""}` };
  }

  #requireActive(): void {
    if (this.record.status === "active") return;
    throw new ParleyError("PLATFORM_UNAUTHORIZED", {
      detail: `the Matrix installation is ${this.record.status}`,
      facts: { installationId: this.installationId },
    });
  }
}

export function settingOf(record: Pick<Installation, "settings">, name: string): string | undefined {
  const value = record.settings[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}
