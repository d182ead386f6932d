import fc from "fast-check";
import { expect, it } from "vitest";
import { createBatcher } from "../../../src/pipeline/batcher.ts";

it("flushes every item once, in order, never two batches at a time", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 60 }),
      fc.integer({ min: 1, max: 10 }),
      async (pauses, maxItems) => {
        const flushed: number[] = [];
        let under = 0;
        const batcher = createBatcher<number, number>({
          maxItems,
          isolate: () => false,
          async flush(items) {
            under += 1;
            expect(under).toBe(1);
            expect(items.length).toBeLessThanOrEqual(maxItems);
            await new Promise((resolve) => setImmediate(resolve));
            flushed.push(...items);
            under -= 1;
            return items.map((item) => item * 2);
          },
        });
        const results: Promise<number>[] = [];
        for (const [index, pause] of pauses.entries()) {
          results.push(batcher.add(index));
          for (let tick = 0; tick < pause; tick += 1) await new Promise((resolve) => setImmediate(resolve));
        }
        expect(await Promise.all(results)).toEqual(pauses.map((_, index) => index * 2));
        await batcher.settle();
        expect(flushed).toEqual(pauses.map((_, index) => index));
      },
    ),
    { numRuns: 60 },
  );
});

it("fails only the bad item of a batch when the error is its own", async () => {
  const batcher = createBatcher<number, number>({
    maxItems: 10,
    isolate: (error) => error instanceof RangeError,
    async flush(items) {
      if (items.includes(3)) throw new RangeError("three");
      return [...items];
    },
  });
  const results = await Promise.allSettled([1, 2, 3, 4].map((item) => batcher.add(item)));
  expect(results.map((result) => result.status)).toEqual(["fulfilled", "fulfilled", "rejected", "fulfilled"]);
});

it("fails everyone alike when the store is away", async () => {
  const batcher = createBatcher<number, number>({
    maxItems: 10,
    isolate: () => false,
    flush: () => Promise.reject(new Error("away")),
  });
  const results = await Promise.allSettled([1, 2].map((item) => batcher.add(item)));
  expect(results.map((result) => result.status)).toEqual(["rejected", "rejected"]);
});

it("flushes independent items in several lanes, each once, and leaves none behind", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 1, maxLength: 80 }), async (pauses) => {
      const flushed: number[] = [];
      let under = 0;
      let most = 0;
      const batcher = createBatcher<number, number>({
        maxItems: 5,
        lanes: 2,
        isolate: () => false,
        async flush(items) {
          under += 1;
          most = Math.max(most, under);
          await new Promise((resolve) => setImmediate(resolve));
          flushed.push(...items);
          under -= 1;
          return [...items];
        },
      });
      const results: Promise<number>[] = [];
      for (const [index, pause] of pauses.entries()) {
        results.push(batcher.add(index));
        for (let tick = 0; tick < pause; tick += 1) await Promise.resolve();
      }
      expect(await Promise.all(results)).toEqual(pauses.map((_, index) => index));
      await batcher.settle();
      expect(flushed.toSorted((a, b) => a - b)).toEqual(pauses.map((_, index) => index));
      expect(most).toBeLessThanOrEqual(2);
    }),
    { numRuns: 60 },
  );
});

it("keeps what shares a key out of other lanes and in order, while the rest goes on", async () => {
  const under = new Map<string, number>();
  const flushed: string[] = [];
  let together = 0;
  let atOnce = 0;
  const batcher = createBatcher<string, void>({
    maxItems: 4,
    lanes: 3,
    isolate: () => false,
    key: (item) => item.slice(0, 1),
    async flush(items) {
      atOnce += 1;
      together = Math.max(together, atOnce);
      const keys = new Set(items.map((item) => item.slice(0, 1)));
      for (const key of keys) {
        expect(under.get(key) ?? 0).toBe(0);
        under.set(key, 1);
      }
      await new Promise((resolve) => setTimeout(resolve, 2));
      flushed.push(...items);
      for (const key of keys) under.set(key, 0);
      atOnce -= 1;
      return items.map(() => undefined);
    },
  });
  const items = Array.from(
    { length: 200 },
    (_, index) => `${"abcdefgh".charAt(index % 3 === 0 ? 0 : index % 8)}${index}`,
  );
  await Promise.all(items.map((item) => batcher.add(item)));
  await batcher.settle();
  expect(together).toBe(3);
  for (const key of "abcdefgh")
    expect(flushed.filter((item) => item.startsWith(key))).toEqual(items.filter((item) => item.startsWith(key)));
});

it("waits idly for a flush whose key everything left shares", async () => {
  let looks = 0;
  let release: () => void = () => undefined;
  const batcher = createBatcher<string, void>({
    maxItems: 1,
    lanes: 2,
    isolate: () => false,
    key() {
      looks += 1;
      return "same";
    },
    async flush(items) {
      if (items[0] === "first")
        await new Promise<void>((resolve) => {
          release = resolve;
        });
      return items.map(() => undefined);
    },
  });
  const added = [batcher.add("first")];
  await new Promise((resolve) => setTimeout(resolve, 5));
  for (let index = 0; index < 10; index += 1) added.push(batcher.add(`then ${index}`));
  const before = looks;
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(looks).toBe(before);
  release();
  await Promise.all(added);
});
