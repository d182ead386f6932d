import type { AdapterSink } from "../../src/contracts/adapter-sink.ts";
import type { AdapterLease } from "../../src/contracts/adapter-state.ts";
import { abortableSleep } from "../shared/abortable-sleep.ts";
import { type DiscordSdk, FATAL_CLOSE_CODES, type GatewaySession, GatewayShard } from "./client-shard.ts";
import type { IdentifyBudget } from "./identify-budget.ts";
import type { Dispatch } from "./inbound-frame.ts";
import { SequenceTracker } from "./sequence.ts";
import { SessionStore } from "./session-store.ts";

const LEASE_RETRY_MS = 3_000;
/** Pauses between attempts to connect; a connection that lasted counts as a success. */
const RECONNECT_MS = [0, 1_000, 2_000, 5_000, 15_000, 60_000] as const;
const LASTED_MS = 10_000;
/** Discord asks for 1 to 5 s between a refused session and a new one. https://docs.discord.com/developers/events/gateway#resuming */
const AFTER_REFUSAL_MS = 2_000;
/** Events that wait for the ledger; beyond it the connection is dropped, and Discord keeps the rest. */
const MAX_PENDING = 2_000;

/** Why a shard is not connected, or that it is. */
export interface ShardHealth {
  readonly shardId: number;
  readonly state: "connected" | "connecting" | "failed" | "elsewhere";
  readonly detail?: string;
}

/** One event with the session it came in. */
export interface ReceivedDispatch extends Dispatch {
  readonly shardId: number;
  /** Equal for replays of the event, different for all others. */
  readonly deliveryKey: string;
  /** To be called once the event is ingested or of no interest. */
  readonly done: () => void;
}

export interface ShardRunnerOptions {
  readonly sdk: DiscordSdk;
  readonly token: string;
  readonly intents: number;
  readonly shardId: number;
  readonly shardCount: number;
  readonly gatewayUrl: string;
  readonly fixedUrl: string | undefined;
  /** The installation that the session is kept with: that of the application. */
  readonly installationId: string;
  readonly sink: AdapterSink;
  /** What this shard shares with the others of the application. */
  readonly budget: IdentifyBudget;
  /** Takes the events in the order in which they came. */
  readonly onDispatch: (dispatch: ReceivedDispatch) => void;
  readonly onUnreadable: (reason: string, frame: string, done: () => void) => void;
  /** Whether a gap is being read: until it is closed, the new session's position is not kept. */
  readonly isCatchingUp: () => boolean;
}

/** Runs one shard for as long as this process may: lease, session, identifies, position. */
export class ShardRunner {
  readonly #options: ShardRunnerOptions;
  readonly #ending = new AbortController();
  #running: Promise<void> | undefined;
  #shard: GatewayShard | undefined;
  #store: SessionStore | undefined;
  #session: GatewaySession | undefined;
  #tracker = new SequenceTracker(0);
  #health: ShardHealth;
  #accepting = true;
  #shedding = false;
  /** The budget of identifies allows none for longer than anybody waits for a start. */
  #keptBack = false;
  /** The number that was missing when the connection was last given up for it. */
  #missing = 0;
  #attempts = 0;
  /** The gateway answered that a session is over: the next connection is no further attempt. */
  #sessionRefused = false;
  #connectedAtMs = 0;
  readonly #waiters: (() => void)[] = [];

  constructor(options: ShardRunnerOptions) {
    this.#options = options;
    this.#health = { shardId: options.shardId, state: "connecting" };
  }

  start(): void {
    this.#running ??= this.#run().catch((error: unknown) => {
      this.#options.sink.logger.error(
        { shardId: this.#options.shardId, err: error },
        "a shard of discord's gateway ended",
      );
    });
  }

  /** Resolves once the shard is connected, held by another process, kept back for long, or failed for good. */
  settled(): Promise<void> {
    if (this.#health.state !== "connecting" || this.#keptBack) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  get health(): ShardHealth {
    return this.#health;
  }

  /** Takes no further event; those begun go on. */
  refuseNew(): void {
    this.#accepting = false;
  }

  /** Writes the position and closes the connection, so that the session can be resumed. */
  async stop(): Promise<void> {
    this.#accepting = false;
    this.#ending.abort();
    await this.#running;
  }

  /** A gap was closed: the position may be kept now. */
  positionMayMove(): void {
    this.#store?.moved(() => this.#position());
  }

  async #run(): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      const lease = await this.#takeLease();
      if (lease === undefined) continue;
      try {
        await this.#runUnder(lease);
      } finally {
        await lease.release();
      }
    }
  }

  /** Undefined when it has to be tried again. */
  async #takeLease(): Promise<AdapterLease | undefined> {
    const { sink, installationId, shardId, shardCount } = this.#options;
    try {
      const lease = await sink.state.lease(installationId, `gateway:${shardId}/${shardCount}`);
      if (lease !== undefined) return lease;
      this.#become({ state: "elsewhere", detail: `shard ${shardId} is run by another process` });
    } catch (error) {
      sink.logger.warn({ shardId, err: error }, "the lease of a shard could not be asked for");
    }
    await abortableSleep(LEASE_RETRY_MS, this.#ending.signal).catch(() => undefined);
    return undefined;
  }

  async #runUnder(lease: AdapterLease): Promise<void> {
    const { sink, installationId, shardId, sdk } = this.#options;
    const store = new SessionStore({ state: sink.state, installationId, shardId, lease, logger: sink.logger });
    this.#store = store;
    try {
      const kept = await store.read();
      const usable = kept?.session.shardCount === this.#options.shardCount ? kept : undefined;
      this.#session = usable?.session;
      this.#tracker = new SequenceTracker(usable?.sequence ?? 0);
    } catch (error) {
      sink.logger.warn({ shardId, err: error }, "the session of a shard could not be read");
      await abortableSleep(LEASE_RETRY_MS, this.#ending.signal).catch(() => undefined);
      return;
    }
    this.#become({ state: "connecting" });
    const over = AbortSignal.any([this.#ending.signal, lease.lost]);
    const ports = this.#ports(over);
    const shard = new GatewayShard(sdk, ports);
    this.#shard = shard;
    shard.start();
    if (!over.aborted) await new Promise((resolve) => over.addEventListener("abort", resolve, { once: true }));
    await store.flush();
    store.close();
    await shard.stop();
    this.#shard = undefined;
    if (lease.lost.aborted) sink.logger.warn({ shardId }, "the lease of a shard was lost; its connection is closed");
  }

  #ports(over: AbortSignal): ConstructorParameters<typeof GatewayShard>[1] {
    const { token, intents, shardId, shardCount, gatewayUrl, fixedUrl } = this.#options;
    return {
      token,
      intents,
      shardId,
      shardCount,
      gatewayUrl,
      fixedUrl,
      session: () => this.#session,
      position: () => this.#tracker.position,
      mayConnect: () => this.#mayConnect(over),
      mayIdentify: (signal) => this.#mayIdentify(AbortSignal.any([signal, over])),
      onSession: (session, sequence) => {
        this.#session = session;
        this.#tracker = new SequenceTracker(sequence - 1);
      },
      onSessionLost: () => {
        this.#sessionRefused ||= this.#session !== undefined;
        this.#session = undefined;
      },
      onDispatch: (dispatch) => this.#take(dispatch),
      onUnreadable: (reason, frame, sequence) => this.#takeUnreadable(reason, frame, sequence),
      onConnected: () => {
        this.#connectedAtMs = Date.now();
        this.#become({ state: "connected" });
      },
      onClosed: (code) => this.#closed(code),
    };
  }

  #take(dispatch: Dispatch): void {
    const begun = this.#begin(dispatch.sequence);
    if (begun === undefined) return;
    this.#options.onDispatch({ ...dispatch, ...begun, shardId: this.#options.shardId });
  }

  #takeUnreadable(reason: string, frame: string, sequence: number | undefined): void {
    const begun = sequence === undefined ? undefined : this.#begin(sequence);
    if (sequence !== undefined && begun === undefined) return;
    if (this.#accepting) this.#options.onUnreadable(reason, frame, begun?.done ?? (() => undefined));
  }

  /** Undefined for what is not to be taken: a replay, after the end, or more than the ledger keeps up with. */
  #begin(sequence: number): Pick<ReceivedDispatch, "deliveryKey" | "done"> | undefined {
    if (!this.#accepting || this.#shedding) return undefined;
    const tracker = this.#tracker;
    if (tracker.pending >= MAX_PENDING)
      return this.#leave("the ledger does not keep up: the gateway is left until it does");
    // Numbers are consecutive: one that is missing got lost on its way, and a resume brings it again. Once; then it is no loss.
    if (sequence > tracker.next && this.#missing !== tracker.next) {
      this.#missing = tracker.next;
      return this.#leave("an event got lost on its way: the gateway is asked for it again");
    }
    if (!tracker.begin(sequence)) return undefined;
    return {
      deliveryKey: `${this.#session?.sessionId ?? "none"}:${sequence}`,
      done: () => {
        tracker.done(sequence);
        if (tracker === this.#tracker) this.positionMayMove();
      },
    };
  }

  /** Leaves the connection; what it still brings is not taken, so that the next one begins where nothing is missing. */
  #leave(reason: string): undefined {
    this.#shedding = true;
    const { sink, shardId } = this.#options;
    sink.logger.warn({ shardId, pending: this.#tracker.pending }, reason);
    this.#shard?.drop();
    return undefined;
  }

  #position() {
    const session = this.#session;
    if (session === undefined || this.#options.isCatchingUp()) return undefined;
    return { session, sequence: this.#tracker.position };
  }

  /** Waits out the pause after failed attempts, the ledger, and what the budget of identifies asks for. */
  async #mayConnect(over: AbortSignal): Promise<boolean> {
    if (this.#connectedAtMs > 0 && Date.now() - this.#connectedAtMs >= LASTED_MS) this.#attempts = 0;
    this.#connectedAtMs = 0;
    const pauseMs = this.#nextPauseMs();
    if (pauseMs > 0) await sleepUntilOver(pauseMs * (0.8 + Math.random() * 0.4), over);
    while (this.#tracker.pending > 0 && this.#shedding && !over.aborted) await sleepUntilOver(50, over);
    this.#shedding = false;
    if (over.aborted) return false;
    if (this.#session === undefined) await this.#untilIdentifyIsFree(over);
    return !over.aborted;
  }

  /** Waits while other shards begin theirs, and for the budget of the hour and the day; no connection stands open meanwhile. */
  async #untilIdentifyIsFree(over: AbortSignal): Promise<void> {
    const { shardId, sink } = this.#options;
    for (let waitMs = await this.#identifyWaitMs(); waitMs > 0; waitMs = await this.#identifyWaitMs()) {
      if (waitMs > LASTED_MS) {
        const until = new Date(Date.now() + waitMs).toISOString();
        this.#become({ state: "connecting", detail: `no further identify before ${until}: too many within an hour` });
        sink.logger.warn({ shardId, until }, "discord's gateway is left alone: too many identifies within an hour");
        this.#keptBack = true;
        this.#settle();
      }
      await sleepUntilOver(waitMs, over);
      this.#keptBack = false;
      if (over.aborted) return;
    }
  }

  /** A session that was refused was answered: the identify that follows waits as Discord asks, and counts as no failure. */
  #nextPauseMs(): number {
    const refused = this.#sessionRefused;
    this.#sessionRefused = false;
    if (refused) return AFTER_REFUSAL_MS;
    const pauseMs = RECONNECT_MS[Math.min(this.#attempts, RECONNECT_MS.length - 1)] ?? 60_000;
    this.#attempts += 1;
    return pauseMs;
  }

  async #mayIdentify(signal: AbortSignal): Promise<void> {
    const { budget, shardId, sink } = this.#options;
    for (;;) {
      let waitMs = LEASE_RETRY_MS;
      try {
        waitMs = await budget.take(shardId);
      } catch (error) {
        sink.logger.warn({ shardId, err: error }, "an identify could not be counted and is not sent");
      }
      if (waitMs > 0) await sleepUntilOver(waitMs, signal);
      if (signal.aborted) throw new Error("called off");
      if (waitMs <= 0) return;
    }
  }

  async #identifyWaitMs(): Promise<number> {
    try {
      return await this.#options.budget.waitMs(this.#options.shardId, Date.now());
    } catch {
      // What was sent cannot be read now: then nothing is sent.
      return LEASE_RETRY_MS;
    }
  }

  #closed(code: number): void {
    const fatal = FATAL_CLOSE_CODES.get(code);
    if (fatal === undefined) {
      if (this.#health.state === "connected") this.#become({ state: "connecting", detail: `closed with code ${code}` });
      return;
    }
    const detail = `Discord closed the gateway with code ${code}: ${fatal}`;
    this.#options.sink.logger.error({ shardId: this.#options.shardId, code }, detail);
    this.#become({ state: "failed", detail });
  }

  #become(health: Omit<ShardHealth, "shardId">): void {
    if (this.#health.state === "failed") return;
    this.#health = { shardId: this.#options.shardId, ...health };
    if (health.state !== "connecting") this.#settle();
  }

  #settle(): void {
    for (const settle of this.#waiters.splice(0)) settle();
  }
}

/** Ends early and quietly when it is over. */
async function sleepUntilOver(ms: number, over: AbortSignal): Promise<void> {
  await abortableSleep(ms, over).catch(() => undefined);
}
