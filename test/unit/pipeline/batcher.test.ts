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
