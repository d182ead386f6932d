import { once } from "node:events";
import { createRedisBackend, Queue, Worker } from "bullmq";
import type { Redis } from "ioredis";
import type { Logger } from "../contracts/logger.ts";
import { ParleyError, toParleyError } from "../errors/parley-error.ts";
import type { BellProcessor, BellQueue, BellWorker, BellWorkerOptions, BullBackend } from "./bull-backend.ts";
import { CALL_TIMEOUT_MS, QUEUE_OPTIONS } from "./bull-settings.ts";
import { parseInfo, redisFaults, redisWarnings, refuseUnfitRedis } from "./redis-checks.ts";
import { RedisClients } from "./redis-clients.ts";

const QUEUE_NAME = "doorbell";
/** The first connection may take this long at a start; later ones are made in the background. */
const CONNECT_TIMEOUT_MS = 2_000;

/** BullMQ on a Redis or Valkey of its own. */
export class RedisBackend implements BullBackend {
  readonly kind = "redis";
  readonly callTimeoutMs = CALL_TIMEOUT_MS;
  readonly #clients: RedisClients;
  readonly #producer: Redis;
  /** The braces make all keys of the queue one hash slot, as scripts need on a cluster. */
  readonly #prefix: string;
  readonly #logger: Logger;
  #lastError: Error | undefined;
  #unfitBecause: string | undefined;

  constructor(url: string, prefix: string, logger: Logger) {
    this.#prefix = `{${prefix}}`;
    this.#logger = logger;
    this.#clients = new RedisClients(url, (error) => {
      this.#lastError = error;
    });
    this.#producer = this.#clients.openProducer();
    // A Redis that comes back may be another one, or one that was set up differently.
    this.#producer.on("ready", () => void this.#check().catch(() => undefined));
  }

  async prepare(): Promise<void> {
    await this.#connected();
    try {
      const info = await this.#check();
      refuseUnfitRedis(info);
      for (const warning of redisWarnings(info)) this.#logger.warn({}, `queue: ${warning}`);
    } catch (error) {
      throw toParleyError(error, "QUEUE_UNAVAILABLE");
    }
  }

  awayBecause(): string | undefined {
    if (this.#producer.status !== "ready") return this.#lastError?.message ?? "there is no connection to Redis";
    return this.#unfitBecause;
  }

  openQueue(): BellQueue {
    const options = { ...QUEUE_OPTIONS, prefix: this.#prefix, connection: this.#producer };
    return new Queue(QUEUE_NAME, options, createRedisBackend);
  }

  openWorker(processor: BellProcessor, options: BellWorkerOptions): BellWorker {
    const connection = this.#clients.openConsumer();
    return new Worker(QUEUE_NAME, processor, { ...options, prefix: this.#prefix, connection }, createRedisBackend);
  }

  close(): void {
    this.#clients.dropAll();
  }

  async #connected(): Promise<void> {
    if (this.#producer.status === "ready") return;
    try {
      await once(this.#producer, "ready", { signal: AbortSignal.timeout(CONNECT_TIMEOUT_MS) });
    } catch (cause) {
      const error = this.#lastError ?? cause;
      const detail = error instanceof Error ? error.message : String(error);
      // The server answers and will go on refusing; https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/
      const refused = /^(NOAUTH|WRONGPASS|NOPERM|ERR AUTH|ERR invalid password)/.test(detail);
      throw new ParleyError(refused ? "QUEUE_CONFIG_REFUSED" : "QUEUE_UNAVAILABLE", {
        cause: error,
        detail: refused
          ? `Redis refuses the credentials of REDIS_URL: ${detail}`
          : `Redis cannot be reached: ${detail}`,
      });
    }
  }

  async #check(): Promise<ReturnType<typeof parseInfo>> {
    const info = parseInfo(await this.#producer.info());
    const faults = redisFaults(info);
    const unfitBecause = faults.length === 0 ? undefined : faults.join("; ");
    if (unfitBecause !== undefined && unfitBecause !== this.#unfitBecause) {
      this.#logger.error({ faults }, "queue: this Redis cannot hold the queue");
    }
    this.#unfitBecause = unfitBecause;
    return info;
  }
}
