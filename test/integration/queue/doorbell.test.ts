import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { hearingDoorbell, makeDoorbell, STORES, storeOptions, until } from "./doorbells.ts";

function ids(count: number, name = "conversation"): string[] {
  return Array.from({ length: count }, (_, index) => `${name}-${index}`);
}

describe.each(STORES)("on %s", (store) => {
  test("a bell is heard soon after it is rung, by an idle worker", async () => {
    const { doorbell, heard } = await hearingDoorbell(await storeOptions(store));
    const latencies: number[] = [];
    for (const id of ids(30)) {
      const rung = performance.now();
      await doorbell.ring([id]);
      await until(() => heard.flat().includes(id));
      latencies.push(performance.now() - rung);
    }
    // Were the wake-up lost, each would take drainDelay, 5 s. The poll itself looks every 20 ms.
    expect(latencies.toSorted((a, b) => a - b)[15]).toBeLessThan(250);
    expect(heard.flat().toSorted()).toEqual(ids(30).toSorted());
  });

  test("a bell for many conversations carries each once, in bells of bounded size", async () => {
    const { doorbell, heard } = await hearingDoorbell(await storeOptions(store));
    await doorbell.ring([...ids(450), ...ids(450)]);
    await until(() => heard.flat().length >= 450);
    expect(new Set(heard.flat())).toEqual(new Set(ids(450)));
    expect(heard.flat()).toHaveLength(450);
    expect(Math.max(...heard.map((bell) => bell.length))).toBe(200);
  });

  test("rings during a ring share a bell, and equal bells that wait are one", async () => {
    const options = await storeOptions(store);
    const producer = await makeDoorbell(options);
    await producer.doorbell.start({ worker: false });
    await Promise.all(ids(100).map((id) => producer.doorbell.ring([id])));
    const { waiting } = await producer.doorbell.health();
    expect(waiting).toBeLessThanOrEqual(3);
    for (let again = 0; again < 20; again += 1) await producer.doorbell.ring(["same"]);
    expect((await producer.doorbell.health()).waiting).toBe(waiting + 1);
    const { heard } = await hearingDoorbell(options);
    await until(() => heard.flat().length >= 101);
    expect(new Set(heard.flat())).toEqual(new Set([...ids(100), "same"]));
  });

  test("no wake-up is lost in 1 000 rings that race with the end of the handler", async () => {
    // What is stored before a ring must be seen by a handler that starts after it.
    const stored = new Map<string, number>();
    const seen = new Map<string, number>();
    const { doorbell } = await hearingDoorbell({ ...(await storeOptions(store)), concurrency: 4 }, async (bell) => {
      const now = new Map(bell.map((id) => [id, stored.get(id) ?? 0]));
      await delay(Math.random() * 4);
      for (const [id, count] of now) seen.set(id, Math.max(seen.get(id) ?? 0, count));
    });
    const rings: Promise<void>[] = [];
    for (let ring = 0; ring < 1_000; ring += 1) {
      const id = `hot-${ring % 5}`;
      stored.set(id, (stored.get(id) ?? 0) + 1);
      rings.push(doorbell.ring([id]));
      if (ring % 3 === 0) await delay(Math.random() * 6);
    }
    await Promise.all(rings);
    await until(() => [...stored].every(([id, count]) => seen.get(id) === count));
    expect(Object.fromEntries(seen)).toEqual(Object.fromEntries(ids(5, "hot").map((id) => [id, 200])));
  }, 60_000);

  test("a delayed bell comes at its time and swallows none that is due sooner", async () => {
    const { doorbell, heard } = await hearingDoorbell(await storeOptions(store));
    const rung = performance.now();
    await doorbell.ring(["later"], { delayMs: 700 });
    await doorbell.ring(["later"], { delayMs: 60_000 });
    expect((await doorbell.health()).delayed).toBe(2);
    await doorbell.ring(["later"]);
    await until(() => heard.length >= 1);
    expect(performance.now() - rung).toBeLessThan(650);
    await until(() => heard.length >= 2);
    expect(performance.now() - rung).toBeGreaterThanOrEqual(690);
    expect(performance.now() - rung).toBeLessThan(5_000);
  });

  test("a handler that throws is logged, is not repeated, and stops nobody else", async () => {
    const { doorbell, heard, logger } = await hearingDoorbell(await storeOptions(store), async ([id]) => {
      if (id === "bad") throw new Error("handler broke");
    });
    await doorbell.ring(["bad"]);
    await doorbell.ring(["good"]);
    await until(() => heard.flat().includes("good"));
    await until(() => logger.messages("error").length > 0);
    expect(heard.flat().filter((id) => id === "bad")).toHaveLength(1);
    // A later ring of the same conversation is a new bell.
    await doorbell.ring(["bad"]);
    await until(() => heard.flat().filter((id) => id === "bad").length === 2);
    await until(async () => (await doorbell.health()).failed === 2);
  });

  test("a bell rung without a worker waits for the first one", async () => {
    const options = await storeOptions(store);
    const producer = await makeDoorbell(options);
    await producer.doorbell.start({ worker: false });
    await producer.doorbell.ring(ids(3));
    const health = await producer.doorbell.health();
    expect(health).toMatchObject({ ok: true, waiting: 1, active: 0, failed: 0 });
    const { heard } = await hearingDoorbell(options);
    await until(() => heard.length === 1);
    expect(heard).toEqual([ids(3)]);
  });

  test("before start and after close a ring fails at once, and quietly when asked to", async () => {
    const { doorbell } = await makeDoorbell(await storeOptions(store));
    await expect(doorbell.ring(["x"])).rejects.toMatchObject({ code: "QUEUE_UNAVAILABLE" });
    await doorbell.start({ worker: false });
    await doorbell.close();
    await doorbell.close();
    await expect(doorbell.ring(["x"])).rejects.toMatchObject({ code: "QUEUE_UNAVAILABLE" });
    doorbell.ringQuietly(["x"]);
    expect(await doorbell.health()).toMatchObject({ ok: false, detail: "the queue is closed" });
  });

  test("close waits for a handler, but not for ever", async () => {
    const release = Promise.withResolvers<void>();
    const options = await storeOptions(store);
    const short = await hearingDoorbell(options, () => delay(300));
    await short.doorbell.ring(["short"]);
    await until(() => short.heard.length === 1);
    const closing = performance.now();
    await short.doorbell.close({ drainMs: 5_000 });
    expect(performance.now() - closing).toBeLessThan(2_000);

    const long = await hearingDoorbell(options, () => release.promise);
    await long.doorbell.ring(["long"]);
    await until(() => long.heard.length === 1);
    const started = performance.now();
    await long.doorbell.close({ drainMs: 500 });
    expect(performance.now() - started).toBeGreaterThanOrEqual(490);
    expect(performance.now() - started).toBeLessThan(3_500);
    expect(long.logger.messages("warn").join()).toContain("closing without waiting");
    release.resolve();
  });
});
