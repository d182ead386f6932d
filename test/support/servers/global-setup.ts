import type { TestProject } from "vitest/node";
import { startPostgres } from "./postgres.ts";
import { startRedis } from "./redis.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** A PostgreSQL that the whole test run shares: create a database of your own on it. */
    postgresUrl: string;
    /** A Redis that the whole test run shares: keep to a key prefix of your own, and never flush it. */
    redisUrl: string;
  }
}

/** Starts the servers that all test files share, once per run; the returned function stops them. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const [postgres, redis] = await Promise.all([startPostgres({ fsync: true }), startRedis()]);
  project.provide("postgresUrl", postgres.url);
  project.provide("redisUrl", redis.url);
  return async () => {
    await Promise.all([postgres.stop(), redis.stop()]);
  };
}
