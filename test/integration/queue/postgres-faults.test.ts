import { expect, onTestFinished, test } from "vitest";
import { openDatabase } from "../../../src/ledger/connection/open-database.ts";
import { startPostgres } from "../../support/servers/index.ts";
import { hearingDoorbell, until } from "./doorbells.ts";

test("a PostgreSQL that restarts is used again, without a storm of errors or of CPU meanwhile", async () => {
  const server = await startPostgres({ fsync: true });
  onTestFinished(() => server.stop());
  const database = await openDatabase({ databaseUrl: server.url, dataFolder: "unused" });
  onTestFinished(() => database.close());
  const { doorbell, heard, logger } = await hearingDoorbell({ database });
  await doorbell.ring(["before"]);
  await until(() => heard.length === 1);

  await server.kill9();
  // Connections that are open outlive their postmaster for a moment.
  await until(async () => !(await doorbell.health()).ok);
  const cpu = process.cpuUsage();
  const down = performance.now();
  while (performance.now() - down < 2_000) {
    const started = performance.now();
    await expect(doorbell.ring(["while away"])).rejects.toMatchObject({ code: "QUEUE_UNAVAILABLE" });
    expect(performance.now() - started).toBeLessThan(500);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  expect(logger.messages("warn")).toHaveLength(1);
  const { user, system } = process.cpuUsage(cpu);
  expect((user + system) / 1_000).toBeLessThan(1_000);
  expect(await doorbell.health()).toMatchObject({ ok: false });

  await server.restart();
  await until(async () => (await doorbell.health()).ok);
  await doorbell.ring(["after"]);
  await until(() => heard.flat().includes("after"), 10_000);
  expect(logger.messages("warn").length).toBeLessThanOrEqual(2);
}, 40_000);
