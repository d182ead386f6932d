import { setTimeout as delay } from "node:timers/promises";
import type { PoolConfig } from "pg";
import pg from "pg";
import { toLedgerError } from "./connection-errors.ts";
import { prepareSession } from "./postgres-settings.ts";

const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 5_000;
/** A connection that a middlebox dropped without a word is noticed after this and the answer timeout. */
const PROBE_EVERY_MS = 30_000;
const ANSWER_TIMEOUT_MS = 5_000;

interface Subscription {
  readonly onNotify: (payload: string) => void;
  readonly onGap: () => void;
}

/** One connection for all LISTENs of the process, made on the first and made again whenever it is lost. */
export class PostgresListener {
  readonly #config: PoolConfig;
  readonly #channels = new Map<string, Set<Subscription>>();
  #client: pg.Client | undefined;
  #connecting: Promise<pg.Client> | undefined;
  #probe: NodeJS.Timeout | undefined;
  #tail: Promise<unknown> = Promise.resolve();
  readonly #closing = new AbortController();

  constructor(config: PoolConfig) {
    this.#config = config;
  }

  async listen(channel: string, onNotify: (payload: string) => void, onGap: () => void): Promise<() => Promise<void>> {
    const subscription: Subscription = { onNotify, onGap };
    const subscriptions = this.#channels.get(channel) ?? new Set();
    this.#channels.set(channel, subscriptions);
    subscriptions.add(subscription);
    try {
      await this.#send((client) => client.query(`LISTEN ${pg.escapeIdentifier(channel)}`));
    } catch (error) {
      subscriptions.delete(subscription);
      throw toLedgerError(error);
    }
    return async () => {
      subscriptions.delete(subscription);
      if (subscriptions.size > 0 || this.#client === undefined) return;
      // Nobody is left to hear it; should this fail, the connection is lost and the channel forgotten with it.
      await this.#send((client) => client.query(`UNLISTEN ${pg.escapeIdentifier(channel)}`)).catch(() => undefined);
    };
  }

  async close(): Promise<void> {
    this.#closing.abort();
    clearInterval(this.#probe);
    const client = this.#client;
    this.#client = undefined;
    await client?.end();
  }

  /** One statement after another: the driver wants no second one before the first has answered. */
  async #send(work: (client: pg.Client) => Promise<unknown>): Promise<void> {
    const sent = this.#tail.then(async () => {
      const client = this.#client ?? (await (this.#connecting ??= this.#connect()));
      await work(client);
    });
    this.#tail = sent.catch(() => undefined);
    await sent;
  }

  async #connect(): Promise<pg.Client> {
    const client = new pg.Client({ ...this.#config, query_timeout: ANSWER_TIMEOUT_MS });
    // Before the connection stands, connect() rejects and says the same.
    client.on("error", () => undefined);
    try {
      await client.connect();
      await prepareSession(client);
      for (const [channel, subscriptions] of this.#channels) {
        if (subscriptions.size > 0) await client.query(`LISTEN ${pg.escapeIdentifier(channel)}`);
      }
      this.#closing.signal.throwIfAborted();
    } catch (error) {
      await client.end().catch(() => undefined);
      throw error;
    } finally {
      this.#connecting = undefined;
    }
    client.on("notification", ({ channel, payload }) => {
      for (const { onNotify } of this.#channels.get(channel) ?? []) onNotify(payload ?? "");
    });
    client.on("end", () => this.#onLost(client));
    client.on("error", () => this.#onLost(client));
    this.#client = client;
    clearInterval(this.#probe);
    this.#probe = setInterval(() => this.#probeConnection(client), PROBE_EVERY_MS);
    this.#probe.unref();
    return client;
  }

  #probeConnection(client: pg.Client): void {
    this.#send((current) => current.query("SELECT 1")).catch(() => this.#onLost(client));
  }

  #onLost(client: pg.Client): void {
    if (this.#client !== client) return;
    this.#client = undefined;
    clearInterval(this.#probe);
    client.end().catch(() => undefined);
    void this.#reconnect();
  }

  async #reconnect(): Promise<void> {
    const { signal } = this.#closing;
    for (let waitMs = FIRST_RETRY_MS; !signal.aborted; waitMs = Math.min(waitMs * 2, LAST_RETRY_MS)) {
      try {
        await this.#send(async () => undefined);
        break;
      } catch {
        // The pool's users hear that the server is away; here it only matters to come back.
        await delay(waitMs, undefined, { signal, ref: false }).catch(() => undefined);
      }
    }
    if (signal.aborted) return;
    for (const subscriptions of this.#channels.values()) for (const { onGap } of subscriptions) onGap();
  }
}
