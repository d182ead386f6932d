import { randomUUID } from "node:crypto";
import { inject } from "vitest";
import { createDatabase } from "./postgres.ts";

/** Creates an empty database of its own on the test run's shared PostgreSQL, and gives its URL. */
export async function createTestDatabase(): Promise<string> {
  const url = new URL(inject("postgresUrl"));
  const name = `test_${randomUUID().replaceAll("-", "")}`;
  await createDatabase(url.href, name);
  url.pathname = `/${name}`;
  return url.href;
}

/** Gives the test run's shared Redis with a key prefix that no other test has. */
export function sharedRedis(): { readonly url: string; readonly prefix: string } {
  return { url: inject("redisUrl"), prefix: `test-${randomUUID()}` };
}
