import { expect, inject, onTestFinished, test } from "vitest";
import { openDatabase } from "../../../src/ledger/connection/open-database.ts";
import { runFile } from "../../support/child.ts";
import { createTestDatabase, sharedRedis } from "../../support/servers/shared-servers.ts";
import { hearingDoorbell, until } from "./doorbells.ts";
import { NO_DATABASE } from "./no-database.ts";

const WORKER = new URL("bell-worker.ts", import.meta.url);

test.each(["redis", "postgres"])(
  "a bell whose worker is killed is heard again within 10 s, on %s",
  async (kind) => {
    const { prefix } = sharedRedis();
    const url = kind === "redis" ? inject("redisUrl") : await createTestDatabase();
    const worker = await runFile(WORKER, kind, url, prefix);

    const database = kind === "redis" ? NO_DATABASE : await openDatabase({ databaseUrl: url, dataFolder: "unused" });
    if ("close" in database) onTestFinished(() => database.close());
    const options = { database, prefix, ...(kind === "redis" ? { redisUrl: url } : {}) };
    const ringing = await hearingDoorbell(
      { ...options, concurrency: 1 },
      () => new Promise((resolve) => setTimeout(resolve, 50)),
    );

    // Two workers listen; ring until the other process has one in its hands.
    for (let n = 0; worker.lines().length === 0; n += 1) {
      await ringing.doorbell.ring([`conversation-${n}`]);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const stuck = (await worker.firstLine()).split(",");
    await worker.kill9();
    const killed = performance.now();
    await until(() => stuck.every((id) => ringing.heard.flat().includes(id)), 15_000);
    expect(performance.now() - killed).toBeLessThan(10_000);
  },
  40_000,
);
