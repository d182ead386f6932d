import { Redis, type RedisOptions } from "ioredis";
import { ParleyError } from "../errors/parley-error.ts";

const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 1_000;

/** Every connection to one Redis, so that all can be dropped at once and none reports its errors to nobody. */
export class RedisClients {
  readonly #url: string;
  readonly #onError: (error: Error) => void;
  readonly #open = new Set<Redis>();

  /** @throws ParleyError QUEUE_CONFIG_REFUSED for a URL that is not Redis's; its text never holds the password. */
  constructor(url: string, onError: (error: Error) => void) {
    if (!/^rediss?:\/\//.test(url) || !URL.canParse(url)) {
      throw new ParleyError("QUEUE_CONFIG_REFUSED", { detail: "REDIS_URL must be a redis:// or rediss:// URL" });
    }
    this.#url = url;
    this.#onError = onError;
  }

  /** For producers: a command fails at once when the connection is down, instead of waiting for it. */
  openProducer(): Redis {
    return this.#track(
      this.#create({
        enableOfflineQueue: false,
        autoResendUnfulfilledCommands: false,
        maxRetriesPerRequest: 0,
      }),
    );
  }

  /** For a worker, whose blocking command waits for as long as it takes. */
  openConsumer(): Redis {
    return this.#track(this.#create({ maxRetriesPerRequest: null }));
  }

  /** Ends all of them without waiting for an answer. */
  dropAll(): void {
    for (const client of this.#open) client.disconnect();
    this.#open.clear();
  }

  #create(options: RedisOptions): Redis {
    const settings: RedisOptions = {
      connectTimeout: 2_000,
      keepAlive: 10_000,
      connectionName: "parley",
      retryStrategy: (attempt: number) => Math.min(FIRST_RETRY_MS * 2 ** (attempt - 1), LAST_RETRY_MS),
      ...options,
    };
    // BullMQ reads replies in the shapes of RESP2.
    return new Redis(this.#url, { ...settings, replyMapping: "legacy" });
  }

  #track(client: Redis): Redis {
    this.#open.add(client);
    client.on("error", this.#onError);
    client.once("end", () => this.#open.delete(client));
    // BullMQ duplicates a worker's connection for its blocking command and keeps the copy to itself.
    const duplicate = client.duplicate.bind(client);
    client.duplicate = (override?: Partial<RedisOptions>) => this.#track(duplicate(override));
    return client;
  }
}
