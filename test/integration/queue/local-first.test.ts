import { expect, test } from "vitest";
import { freePort } from "../../support/servers/index.ts";
import { hearingDoorbell, makeDoorbell, storeOptions, until } from "./doorbells.ts";
import { NO_DATABASE } from "./no-database.ts";

test("a process that hears bells hears its own without the queue, also while the queue is away", async () => {
  const away = { database: NO_DATABASE, redisUrl: `redis://127.0.0.1:${await freePort()}`, localFirst: true };
  const { doorbell, heard } = await hearingDoorbell(away);
  await doorbell.ring(["a", "b"]);
  await until(() => heard.length === 1);
  expect(heard).toEqual([["a", "b"]]);
  await expect(doorbell.ring(["later"], { delayMs: 100 })).rejects.toMatchObject({ code: "QUEUE_UNAVAILABLE" });
});

test("what it has no slot for goes to the queue, where another process hears it", async () => {
  const options = { ...(await storeOptions("redis")), concurrency: 1, localFirst: true };
  const release = Promise.withResolvers<void>();
  const busy = await hearingDoorbell(options, () => release.promise);
  await busy.doorbell.ring(["first"]);
  await until(() => busy.heard.length === 1);
  expect((await busy.doorbell.health()).active).toBe(1);
  // Its worker takes one more from the queue, and is full then.
  await busy.doorbell.ring(["second"]);
  await until(() => busy.heard.length === 2);
  await busy.doorbell.ring(["third"]);
  const other = await hearingDoorbell(options);
  await until(() => other.heard.length === 1);
  expect(other.heard).toEqual([["third"]]);
  release.resolve();
});

test("what it had not begun at its close is left in the queue for others", async () => {
  const options = { ...(await storeOptions("redis")), concurrency: 1, localFirst: true };
  const release = Promise.withResolvers<void>();
  const leaving = await hearingDoorbell(options, () => release.promise);
  await leaving.doorbell.ring(["busy"]);
  await until(() => leaving.heard.length === 1);
  await leaving.doorbell.ring(["busy"]);
  const closing = leaving.doorbell.close({ drainMs: 5_000 });
  const next = await makeDoorbell(options);
  await next.doorbell.start({ worker: false });
  await until(async () => (await next.doorbell.health()).waiting === 1);
  release.resolve();
  await closing;
  const { heard } = await hearingDoorbell(options);
  await until(() => heard.length === 1);
  expect(heard).toEqual([["busy"]]);
});
