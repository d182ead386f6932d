import { type PostgresServer, type RedisServer, startPostgres, startRedis } from "../support/servers/index.ts";
import type { StoreKind } from "./scenario.ts";

/** The servers of one run of a scenario, with an empty database. */
export interface RunServers {
  readonly databaseUrl: string | undefined;
  readonly redisUrl: string | undefined;
  readonly postgres: PostgresServer | undefined;
  readonly redis: RedisServer | undefined;
  close(): Promise<void>;
}

/** Real servers, shared by the scenarios that leave them alone. */
export interface ServerPool {
  open(kind: StoreKind, own: boolean): Promise<RunServers>;
  close(): Promise<void>;
}

/** Parley refuses a server without fsync; Redis keeps its bells as in production. */
const startBoth = {
  postgres: (): Promise<PostgresServer> => startPostgres({ fsync: true }),
  redis: (): Promise<RedisServer> => startRedis({ persistence: "aof" }),
};

export function createServerPool(): ServerPool {
  let postgres: Promise<PostgresServer> | undefined;
  return {
    async open(kind, own) {
      if (kind === "pglite")
        return {
          databaseUrl: undefined,
          redisUrl: undefined,
          postgres: undefined,
          redis: undefined,
          close: async () => undefined,
        };
      const ledger = own ? await startBoth.postgres() : await (postgres ??= startBoth.postgres());
      const wantsRedis = kind === "postgres-redis";
      // A Redis shared by several runs would mix their bells: each run has one of its own.
      const queue = wantsRedis ? await startBoth.redis() : undefined;
      return {
        databaseUrl: await ledger.createDatabase(),
        redisUrl: queue?.url,
        postgres: ledger,
        redis: queue,
        async close() {
          await queue?.stop();
          if (own) await ledger.stop();
        },
      };
    },
    async close() {
      await (await postgres)?.stop();
      postgres = undefined;
    },
  };
}
