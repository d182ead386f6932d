import { setImmediate } from "node:timers/promises";
import type { AdapterLease } from "../../src/contracts/adapter-state.ts";
import { ParleyError, toParleyError } from "../../src/errors/parley-error.ts";
import { abortableSleep } from "../shared/abortable-sleep.ts";
import type { Account } from "./account.ts";
import { clientPath } from "./client.ts";
import type { OpenCrypto } from "./crypto-port.ts";
import type { Intake } from "./intake.ts";
import type { Joins } from "./joins.ts";
import { asRecord, asString, type Raw } from "./raw.ts";
import { type SyncPosition, takeSyncAnswer } from "./sync-answer.ts";

const LEASE = "sync";
/** Another process is asked for the lease this often. */
const LEASE_RETRY_MS = 2_000;
const RETRY_MS = [500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000] as const;
/** A request that is silent for this much longer than it may is given up: the connection is half open. */
const SILENCE_MS = 10_000;
/** Events of each room in one answer; older ones are fetched page by page. */
const TIMELINE_LIMIT = 50;
/** At the first start: what agents are to know of what was being said. */
const FIRST_TIMELINE_LIMIT = 20;
/** Longest pause after an answer that could not be taken whole: a room that has to wait holds up the others for no longer. */
const HELD_UP_MS = 5_000;

const EPHEMERAL_OFF = { types: [] };
const FILTER = filter(TIMELINE_LIMIT, {});
/** Up to where the rooms were taken, whichever device took them. */
const ROOMS_KEY = "rooms-position";
/** The state of rooms is read when they are first needed; at the first start it would be that of all of them at once. */
const FIRST_FILTER = filter(FIRST_TIMELINE_LIMIT, { types: [] });
/** Encryption has to know from the start which rooms are encrypted and for whom. */
const CRYPTO_STATE = { types: ["m.room.encryption", "m.room.member", "m.room.history_visibility"] };
const FIRST_CRYPTO_FILTER = filter(FIRST_TIMELINE_LIMIT, CRYPTO_STATE);
const NEW_DEVICE_FILTER = filter(TIMELINE_LIMIT, CRYPTO_STATE);

export interface SyncLoopOptions {
  readonly account: Account;
  readonly intake: Intake;
  readonly joins: Joins;
  readonly openCrypto: OpenCrypto | undefined;
}

/** Keeps a bot account in sync: one process at a time, one answer after another, each committed before the next is asked for. */
export class SyncLoop {
  readonly #options: SyncLoopOptions;
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;
  #state: "connected" | "connecting" | "waiting" | "failed" = "connecting";
  #detail: string | undefined;
  #onSettled: (() => void) | undefined;

  constructor(options: SyncLoopOptions) {
    this.#options = options;
  }

  /** Begins; resolves when the first answer was taken, or it is known that it will be later. */
  start(): Promise<void> {
    return new Promise((resolve) => {
      this.#onSettled = resolve;
      this.#running = this.#run().finally(resolve);
    });
  }

  /** Takes no further answer; resolves when the one being taken is stored and the lease is free. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  health(): { readonly state: "connected" | "connecting" | "failed"; readonly detail?: string } {
    const detail = this.#detail ?? this.#options.account.crypto?.health();
    const state = this.#state === "waiting" ? "connected" : this.#state;
    return detail === undefined ? { state } : { state, detail };
  }

  async #run(): Promise<void> {
    const { sink, installationId } = this.#options.account;
    while (!this.#stopping.signal.aborted) {
      try {
        const lease = await sink.state.lease(installationId, LEASE);
        if (lease !== undefined) await this.#underLease(lease);
        else this.#settled("waiting", "another process syncs this account");
        if (this.#state === "failed") return;
      } catch (error) {
        this.#failed(error);
        // Only a person can mend these; asking the homeserver again and again does not.
        const { code, detail } = toParleyError(error);
        if (code === "CONFIG_INVALID" || code === "CREDENTIAL_MISSING") return this.#settled("failed", detail ?? code);
      }
      await this.#pause(LEASE_RETRY_MS);
    }
  }

  async #underLease(lease: AdapterLease): Promise<void> {
    const { account, joins } = this.#options;
    const signal = AbortSignal.any([this.#stopping.signal, lease.lost]);
    try {
      await account.rooms.restore();
      await joins.restore();
      if (account.encrypts) await this.#openCrypto(lease);
      const { crypto: opened } = account;
      await this.#follow(lease, opened === undefined ? signal : AbortSignal.any([signal, opened.ended]));
    } finally {
      const { crypto } = account;
      account.live = false;
      account.crypto = undefined;
      await crypto?.close();
      await lease.release();
    }
  }

  async #follow(lease: AdapterLease, signal: AbortSignal): Promise<void> {
    let { since, newDevice } = await this.#readPosition();
    let failures = 0;
    while (!signal.aborted) {
      let answered = false;
      try {
        const answer = await this.#request(since, newDevice, signal);
        answered = true;
        since = await this.#take(answer, { since, again: failures > 0 }, lease, signal);
        newDevice = false;
        failures = 0;
        this.#settled("connected", undefined);
        // By the next turn the connection is free again; otherwise the next request would open another one.
        await setImmediate();
      } catch (error) {
        if (signal.aborted) return;
        const fault = toParleyError(error);
        this.#failed(fault);
        if (fault.code === "PLATFORM_UNAUTHORIZED") {
          this.#settled("failed", fault.detail ?? fault.code);
          return;
        }
        if (fault.code === "LEASE_LOST") return;
        const pauseMs = jittered(RETRY_MS[Math.min(failures, RETRY_MS.length - 1)] ?? 60_000);
        failures += 1;
        // The next answer brings what other rooms have had since, too; a limit on what was to be looked up is kept there.
        await this.#pause(
          answered ? Math.min(pauseMs, HELD_UP_MS) : Math.max(fault.retryAfterMs ?? 0, pauseMs),
          signal,
        );
      }
    }
  }

  /** Resolves with the token of the next request, once everything before it is committed. */
  async #take(answer: Raw, position: SyncPosition, lease: AdapterLease, signal: AbortSignal): Promise<string> {
    const { account, intake, joins } = this.#options;
    const next = asString(answer["next_batch"]);
    if (next === undefined || next.length > 4_096)
      throw new ParleyError("PLATFORM_UNAVAILABLE", { detail: "the homeserver's sync answer has no next_batch" });
    await account.crypto?.receive(answer);
    await takeSyncAnswer(answer, position, { account, intake, joins, signal });
    if (next !== position.since) {
      const row = Buffer.from(JSON.stringify({ next }), "utf8");
      const positions = new Map([this.#tokenKey, ROOMS_KEY].map((key) => [key, row]));
      await account.sink.state.write(account.installationId, positions, lease);
    }
    account.crypto?.synced();
    return next;
  }

  #request(since: string | undefined, newDevice: boolean, signal: AbortSignal): Promise<Raw> {
    const { account } = this.#options;
    // Synapse keeps answers to a first request for two minutes and gives them again, with their old position, unless something
    // about the request differs. Otherwise the first answer comes at once, so that a start knows that it works.
    const idleMs = since === undefined ? Math.ceil(Math.random() * 1_000) : 0;
    const timeoutMs = this.#state === "connected" ? account.config.pollTimeoutMs : idleMs;
    const fullState = newDevice && account.encrypts;
    const firstFilter = account.encrypts ? FIRST_CRYPTO_FILTER : FIRST_FILTER;
    const laterFilter = fullState ? NEW_DEVICE_FILTER : FILTER;
    return account.call({
      method: "GET",
      label: "sync",
      path: clientPath("sync"),
      query: {
        since,
        timeout: timeoutMs,
        filter: since === undefined ? firstFilter : laterFilter,
        full_state: fullState && since !== undefined ? "true" : undefined,
        set_presence: "offline",
      },
      signal,
      timeoutMs: timeoutMs + SILENCE_MS + (since === undefined || fullState ? 110_000 : 0),
    });
  }

  async #openCrypto(lease: AdapterLease): Promise<void> {
    const { account, intake, openCrypto } = this.#options;
    const { deviceId, record, config } = account;
    if (openCrypto === undefined || deviceId === undefined)
      throw new ParleyError("CONFIG_INVALID", { detail: "encryption needs a token that belongs to a device" });
    account.crypto = await openCrypto({
      installationId: account.installationId,
      homeserverUrl: account.client.homeserverUrl,
      userId: account.userId,
      deviceId,
      accessToken: account.token,
      recoveryKey: record.secrets["recoveryKey"] ?? config.recoveryKey,
      storeKey: record.secrets["storeKey"] ?? config.storeKey,
      state: account.sink.state,
      lease,
      logger: account.sink.logger,
      fetch: account.fetch,
      deliver: (roomId, event, note) => intake.takeLate(roomId, event, note),
    });
  }

  get #tokenKey(): string {
    return `sync/${this.#options.account.deviceId ?? "no-device"}`;
  }

  /** A device that is new begins where the account was: what was said meanwhile was said to it. */
  async #readPosition(): Promise<{ readonly since: string | undefined; readonly newDevice: boolean }> {
    const own = await this.#readToken(this.#tokenKey);
    return own === undefined
      ? { since: await this.#readToken(ROOMS_KEY), newDevice: true }
      : { since: own, newDevice: false };
  }

  async #readToken(key: string): Promise<string | undefined> {
    const { sink, installationId } = this.#options.account;
    const row = (await sink.state.read(installationId, key)).get(key);
    return row === undefined ? undefined : asString(asRecord(JSON.parse(Buffer.from(row).toString("utf8")))?.["next"]);
  }

  #failed(error: unknown): void {
    const fault = toParleyError(error);
    const first = this.#state !== "connecting" || this.#detail === undefined;
    this.#settled("connecting", fault.detail ?? fault.code);
    const { logger } = this.#options.account.sink;
    const facts = { installationId: this.#options.account.installationId, code: fault.code, detail: fault.detail };
    // One line per outage; the rest is for those who look closely.
    if (first) logger.warn(facts, "the Matrix account is out of sync");
    else logger.debug(facts, "the Matrix account is still out of sync");
  }

  #settled(state: "connected" | "connecting" | "waiting" | "failed", detail: string | undefined): void {
    if (state === "connected" && this.#detail !== undefined)
      this.#options.account.sink.logger.info(
        { installationId: this.#options.account.installationId },
        "the Matrix account is in sync",
      );
    this.#options.account.live = state === "connected";
    this.#state = state;
    this.#detail = detail;
    this.#onSettled?.();
  }

  #pause(ms: number, signal: AbortSignal = this.#stopping.signal): Promise<void> {
    return abortableSleep(ms, signal).catch(() => undefined);
  }
}

function filter(timelineLimit: number, state: { readonly types?: readonly string[] }): string {
  return JSON.stringify({
    presence: EPHEMERAL_OFF,
    account_data: { types: ["m.direct"] },
    room: {
      ephemeral: EPHEMERAL_OFF,
      account_data: EPHEMERAL_OFF,
      state: { lazy_load_members: false, ...state },
      timeline: { limit: timelineLimit },
    },
  });
}

function jittered(ms: number): number {
  return ms / 2 + Math.random() * (ms / 2);
}
