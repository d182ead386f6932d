import type { InstallationHealth } from "../../src/contracts/adapter.ts";
import type { AdapterSink, Installation } from "../../src/contracts/adapter-sink.ts";
import { ParleyError, toParleyError } from "../../src/errors/parley-error.ts";
import { SendLimiter } from "../shared/send-limiter.ts";
import { Account, type AccountTools } from "./account.ts";
import { AccountReceiver } from "./account-receiver.ts";
import type { AppService } from "./app-service.ts";
import type { PictureHttp } from "./avatar.ts";
import { HomeserverClient } from "./client.ts";
import { createConnections, type MatrixConnections } from "./client-fetch.ts";
import type { MatrixConfig } from "./config.ts";
import type { OpenCrypto } from "./crypto-port.ts";
import { describeAccounts } from "./describe.ts";
import { Puppets } from "./puppets.ts";
import { RATE_RULES } from "./rate-rules.ts";

const PLATFORM = "matrix";
/** Installs, pauses and new tokens of other processes are seen within this time. */
const REFRESH_MS = 30_000;
/** Least time between two reloads that unknown installations cause. */
const RELOAD_PAUSE_MS = 2_000;
const TOKEN_RETRY_MS = [2_000, 5_000, 15_000, 60_000] as const;

/** One installation with what serves it. */
export interface Served {
  readonly account: Account;
  readonly puppets: Puppets;
  readonly receiver: AccountReceiver | undefined;
}

/** All installations of the platform as this process sees them. */
export class Accounts {
  readonly #config: MatrixConfig;
  readonly #sink: AdapterSink;
  readonly #openCrypto: OpenCrypto | undefined;
  readonly #http: PictureHttp | undefined;
  readonly #connections: MatrixConnections = createConnections();
  readonly #tools: AccountTools;
  readonly #served = new Map<string, Served>();
  readonly #ending = new Set<Promise<void>>();
  #reloading: Promise<void> | undefined;
  #reloadedAtMs = 0;
  #refreshTimer: NodeJS.Timeout | undefined;
  #tokenTimer: NodeJS.Timeout | undefined;
  #fault: ParleyError | undefined;
  #closed = false;

  constructor(config: MatrixConfig, sink: AdapterSink, openCrypto: OpenCrypto | undefined, http?: PictureHttp) {
    this.#config = config;
    this.#sink = sink;
    this.#openCrypto = openCrypto;
    this.#http = http;
    this.#tools = {
      config,
      connections: this.#connections,
      limiter: new SendLimiter({ rules: RATE_RULES, pacing: true }),
      sink,
      onUnauthorized: (account, reason) => this.#unauthorized(account, reason),
    };
  }

  /** Loads the ledger's installations and connects the configured account. Rejects only when the ledger cannot be read. */
  async start(): Promise<void> {
    await this.#connect(0);
    await this.#reload();
    for (const { receiver } of this.#served.values()) await receiver?.started;
    this.#refreshTimer = setInterval(() => {
      this.#reload().catch((error: unknown) => this.#log("installations could not be read again", error));
    }, REFRESH_MS).unref();
  }

  /** Stops receiving, waits for what is being stored, and ends every request. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#refreshTimer);
    clearTimeout(this.#tokenTimer);
    await this.#reloading?.catch(() => undefined);
    await Promise.allSettled([...this.#served.values()].map(async ({ receiver }) => receiver?.stop()));
    await Promise.allSettled(this.#ending);
    await this.#connections.close();
  }

  /** Guarantees the installation of a write, reading the ledger again when it is unknown. Throws CREDENTIAL_MISSING. */
  async need(installationId: string): Promise<Served> {
    const known = this.#served.get(installationId);
    if (known !== undefined) return known;
    if (this.#reloading !== undefined || Date.now() - this.#reloadedAtMs >= RELOAD_PAUSE_MS) await this.#reload();
    const found = this.#served.get(installationId);
    if (found !== undefined) return found;
    throw new ParleyError("CREDENTIAL_MISSING", {
      detail: "there is no such Matrix installation",
      facts: { installationId },
    });
  }

  /** The running application service whose homeserver token passes the test. Every token is tried, so that the time tells nothing. */
  findService(isToken: (token: string) => boolean): AppService | undefined {
    let found: AppService | undefined;
    for (const { receiver } of this.#served.values()) {
      const service = receiver?.service;
      if (service !== undefined && service.token !== "" && isToken(service.token)) found = service;
    }
    return found;
  }

  /** Whether every application service that there is takes transactions now. */
  get servicesReady(): boolean {
    if (this.#reloadedAtMs === 0) return false;
    if (this.#fault !== undefined && this.#fault.row.retry !== "never") return false;
    return [...this.#served.values()].every(
      ({ account, receiver }) =>
        account.puppetPrefix === undefined || receiver === undefined || receiver.service !== undefined,
    );
  }

  health(): InstallationHealth[] {
    const rows = [...this.#served.values()].map(({ account, receiver }): InstallationHealth => {
      const { record, lastEventAtMs } = account;
      const paused = record.status !== "active";
      const health = receiver?.health() ?? { state: "connected" as const };
      const detail = paused
        ? "paused: the homeserver does not accept the token, or an operator paused it"
        : health.detail;
      return {
        installationId: record.installationId,
        name: record.name,
        state: paused ? "paused" : health.state,
        ...(detail === undefined ? {} : { detail }),
        ...(lastEventAtMs === undefined ? {} : { lastEventAt: new Date(lastEventAtMs).toISOString() }),
      };
    });
    if (this.#fault !== undefined)
      rows.push({
        installationId: "matrix:token",
        name: "account of the configured token",
        state: this.#fault.row.retry === "never" ? "failed" : "connecting",
        detail: this.#fault.detail ?? this.#fault.code,
      });
    return rows;
  }

  /** Asks the homeserver whose tokens these are, and stores the installations. A refused token is not tried again. */
  async #connect(attempt: number): Promise<void> {
    const before = this.#fault;
    try {
      const client = (accessToken: string): HomeserverClient =>
        new HomeserverClient({
          homeserverUrl: this.#config.homeserverUrl,
          accessToken,
          timeoutMs: this.#config.callTimeoutMs,
          connections: this.#connections,
        });
      for (const installation of await describeAccounts(this.#config, client))
        await this.#adopt(await this.#sink.installations.save(installation));
      this.#fault = undefined;
    } catch (error) {
      const fault = toParleyError(error);
      if (fault.code === "LEDGER_UNAVAILABLE") throw fault;
      this.#fault = fault;
      if (before?.code !== fault.code) this.#log("the Matrix token could not be checked", fault);
      if (fault.row.retry === "never" || this.#closed) return;
      const pauseMs = TOKEN_RETRY_MS[Math.min(attempt, TOKEN_RETRY_MS.length - 1)] ?? 60_000;
      this.#tokenTimer = setTimeout(
        () =>
          void this.#connect(attempt + 1).catch((again: unknown) =>
            this.#log("the Matrix account could not be stored", again),
          ),
        Math.max(pauseMs, fault.retryAfterMs ?? 0),
      ).unref();
    }
  }

  async #adopt(record: Installation): Promise<void> {
    const known = this.#served.get(record.installationId);
    if (this.#closed || (known !== undefined && sameRecord(known.account.record, record))) return;
    if (known !== undefined) {
      // One account is never served twice at a time: the old one ends first.
      this.#served.delete(record.installationId);
      await known.receiver?.stop();
    }
    if (record.status === "removed") return;
    const account = new Account(record, this.#tools);
    const puppets = new Puppets(account, this.#http);
    const receive = this.#config.receive && record.status === "active";
    const receiver = receive ? new AccountReceiver({ account, puppets, openCrypto: this.#openCrypto }) : undefined;
    this.#served.set(record.installationId, { account, puppets, receiver });
    receiver?.start();
  }

  #reload(): Promise<void> {
    this.#reloading ??= this.#readAll().finally(() => {
      this.#reloading = undefined;
    });
    return this.#reloading;
  }

  async #readAll(): Promise<void> {
    this.#reloadedAtMs = Date.now();
    for (const record of await this.#sink.installations.list(PLATFORM)) await this.#adopt(record);
  }

  /** Pauses the installation unless another process has stored a new token meanwhile. */
  async #unauthorized(account: Account, reason: string): Promise<void> {
    const work = this.#pause(account, reason);
    this.#ending.add(work);
    void work.finally(() => this.#ending.delete(work));
    // Not awaited: pausing ends the very loop that may be telling of it.
  }

  async #pause(account: Account, reason: string): Promise<void> {
    try {
      const { installationId, token } = account;
      const records = await this.#sink.installations.list(PLATFORM);
      const current = records.find((record) => record.installationId === installationId);
      if (current === undefined || current.status !== "active") return;
      if (current.secrets["accessToken"] !== token) return await this.#adopt(current);
      await this.#sink.installations.setStatus(installationId, "paused", reason);
      this.#sink.logger.error(
        { installationId, reason },
        "the homeserver refuses the token: the Matrix installation is paused",
      );
      await this.#adopt({ ...current, status: "paused" });
    } catch (error) {
      this.#log("the homeserver refused the token, and the installation could not be paused", error);
    }
  }

  #log(message: string, error: unknown): void {
    const fault = toParleyError(error);
    this.#sink.logger.warn({ code: fault.code, detail: fault.detail }, message);
  }
}

function sameRecord(a: Installation, b: Installation): boolean {
  return (
    a.status === b.status &&
    a.name === b.name &&
    JSON.stringify(a.secrets) === JSON.stringify(b.secrets) &&
    JSON.stringify(a.settings) === JSON.stringify(b.settings)
  );
}
