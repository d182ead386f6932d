import type { PoolClient, PoolConfig } from "pg";
import pg from "pg";

/** A connection pool whose close is bounded: node-postgres's own waits for ever for a connection that nobody gives back. */
export class BoundedPool {
  readonly pool: pg.Pool;
  readonly #clients = new Set<PoolClient>();
  readonly #graceMs: number;

  constructor(config: PoolConfig, graceMs: number) {
    this.#graceMs = graceMs;
    this.pool = new pg.Pool(config);
    // An idle connection that the server closes is replaced on the next use; without a listener it would end the process.
    this.pool.on("error", () => undefined);
    this.pool.on("connect", (client) => this.#clients.add(client));
    this.pool.on("remove", (client) => this.#clients.delete(client));
    // Every queue and worker adds its own error listener and none is ever taken off.
    this.pool.setMaxListeners(0);
  }

  /** Waits for connections in use, `graceMs` at most, and ends those that are still in use then. */
  async close(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, this.#graceMs);
    });
    await Promise.race([this.pool.end(), late]);
    clearTimeout(timer);
    for (const client of this.#clients) {
      // Its holder hears of it by its next statement.
      client.on("error", () => undefined);
      void client.end().catch(() => undefined);
    }
  }
}
