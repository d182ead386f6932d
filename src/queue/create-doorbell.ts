import type { Logger } from "../contracts/logger.ts";
import type { BullBackend } from "./bull-backend.ts";
import { DEFAULT_CONCURRENCY } from "./bull-settings.ts";
import { BullDoorbell } from "./doorbell.ts";
import { PostgresBackend } from "./postgres-backend.ts";
import type { QueueDatabase } from "./queue-database.ts";
import type { Doorbell } from "./queue-port.ts";
import { RedisBackend } from "./redis-backend.ts";

export interface DoorbellOptions {
  /** Holds the queue when there is no `redisUrl`; stays the caller's to close, after the doorbell. */
  readonly database: QueueDatabase;
  readonly redisUrl?: string;
  /** Keeps several deployments on one Redis or database apart. Default `parley`. */
  readonly prefix?: string;
  /** How many bells a process works on at once. Default 8. */
  readonly concurrency?: number;
  /**
   * Whether a process that hears bells hands those that it rings to its own handler as long as one of `concurrency` slots is
   * free, and to BullMQ only when none is: no round trip, and no pause while the queue is away. Bells of processes without the
   * worker role, delayed bells and the overflow always go through BullMQ. Default true.
   */
  readonly localFirst?: boolean;
  readonly logger: Logger;
}

/**
 * A doorbell that is not connected yet; `start` connects it.
 *
 * @throws ParleyError QUEUE_CONFIG_REFUSED for a REDIS_URL that is no URL of Redis.
 */
export async function createDoorbell(options: DoorbellOptions): Promise<Doorbell> {
  return new BullDoorbell({
    backend: chooseBackend(options),
    concurrency: options.concurrency ?? DEFAULT_CONCURRENCY,
    localFirst: options.localFirst ?? true,
    logger: options.logger,
  });
}

function chooseBackend({ database, redisUrl, prefix = "parley", logger }: DoorbellOptions): BullBackend {
  if (redisUrl !== undefined) return new RedisBackend(redisUrl, prefix, logger);
  return new PostgresBackend(database, prefix);
}
