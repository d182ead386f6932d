import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type PreviewWriter, runLivePreview } from "../../../adapters/shared/live-preview.ts";
import { SendLimiter } from "../../../adapters/shared/send-limiter.ts";
import { ParleyError } from "../../../src/errors/parley-error.ts";

const RECEIPT = { messageId: "m1" };

interface Written {
  readonly atMs: number;
  readonly text: string;
}

/** A platform that notes what is written to it and fails when it is told to. */
class Platform {
  readonly written: Written[] = [];
  readonly failures: (Error | undefined)[] = [];
  /** How long a write takes, in ms. */
  latencyMs = 10;
  underWay = 0;
  mostUnderWay = 0;

  writer(takeTurn: () => number = () => 0, minIntervalMs = 1_000): PreviewWriter<string> {
    let shown = "";
    return {
      minIntervalMs,
      prepare: (markdown) => {
        if (markdown === "broken") throw new Error("cannot be prepared");
        return markdown === shown ? undefined : markdown;
      },
      takeTurn,
      write: async (text) => {
        this.underWay += 1;
        this.mostUnderWay = Math.max(this.mostUnderWay, this.underWay);
        this.written.push({ atMs: Date.now(), text });
        await new Promise((resolve) => setTimeout(resolve, this.latencyMs));
        this.underWay -= 1;
        const failure = this.failures.shift();
        if (failure !== undefined) throw failure;
        shown = text;
      },
    };
  }
}

beforeEach(() => {
  vi.useFakeTimers({ now: 0 });
});
afterEach(() => {
  vi.useRealTimers();
});

describe("a live preview", () => {
  test("shows the newest text at its interval, and none twice", async () => {
    const platform = new Platform();
    const preview = runLivePreview({ receipt: RECEIPT, writer: platform.writer() });
    for (let n = 1; n <= 30; n++) {
      preview.offer(`text ${n}`);
      await vi.advanceTimersByTimeAsync(100);
    }
    preview.offer("text 30");
    await vi.advanceTimersByTimeAsync(5_000);
    expect(platform.written).toEqual([
      { atMs: 1_000, text: "text 10" },
      { atMs: 2_000, text: "text 20" },
      { atMs: 3_000, text: "text 30" },
    ]);
    await preview.settle();
    expect(vi.getTimerCount()).toBe(0);
  });

  test("is settled when its edit is done, and writes nothing after that", async () => {
    const platform = new Platform();
    platform.latencyMs = 700;
    const preview = runLivePreview({ receipt: RECEIPT, writer: platform.writer() });
    preview.offer("one");
    await vi.advanceTimersByTimeAsync(1_200);
    preview.offer("two");
    let settledAtMs: number | undefined;
    void preview.settle().then(() => {
      settledAtMs = Date.now();
    });
    await vi.advanceTimersByTimeAsync(300);
    expect(settledAtMs).toBeUndefined();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(settledAtMs).toBe(1_700);
    preview.offer("three");
    await vi.advanceTimersByTimeAsync(10_000);
    expect(platform.written.map(({ text }) => text)).toEqual(["one"]);
  });

  test("waits out a pause that the platform asked for and shows the newest text then", async () => {
    const platform = new Platform();
    platform.failures.push(new ParleyError("PLATFORM_RATE_LIMITED", { retryAfterMs: 7_000 }));
    const preview = runLivePreview({ receipt: RECEIPT, writer: platform.writer() });
    preview.offer("one");
    await vi.advanceTimersByTimeAsync(3_000);
    preview.offer("two");
    await vi.advanceTimersByTimeAsync(20_000);
    expect(platform.written).toEqual([
      { atMs: 1_000, text: "one" },
      { atMs: 8_010, text: "two" },
    ]);
  });

  test("gives up after three failures in a row, or at a refusal for good", async () => {
    const failing = new Platform();
    failing.failures.push(...Array.from({ length: 9 }, () => new Error("gone wrong")));
    const refused = new Platform();
    const refusal = new ParleyError("TARGET_NOT_FOUND", { detail: "deleted" });
    refused.failures.push(refusal);
    for (const [platform, refusedWith] of [[failing] as const, [refused, refusal] as const]) {
      const preview = runLivePreview({ receipt: RECEIPT, writer: platform.writer() });
      for (let n = 0; n < 100; n++) {
        preview.offer(`text ${n}`);
        await vi.advanceTimersByTimeAsync(500);
      }
      expect(preview.refusedWith).toBe(refusedWith);
    }
    expect(failing.written.length).toBe(3);
    expect(refused.written.length).toBe(1);
  });

  test("ends when its turn is called off, or when a text cannot be prepared", async () => {
    const platform = new Platform();
    const controller = new AbortController();
    const aborted = runLivePreview({ receipt: RECEIPT, writer: platform.writer(), signal: controller.signal });
    aborted.offer("one");
    controller.abort();
    const broken = runLivePreview({ receipt: RECEIPT, writer: platform.writer() });
    broken.offer("broken");
    await vi.advanceTimersByTimeAsync(5_000);
    expect(platform.written).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
    expect(aborted.receipt).toBe(RECEIPT);
  });

  test("shares the budget of its server with the others, who all get their turns", async () => {
    const limiter = new SendLimiter({
      rules: { edit: { perMinute: 12, burst: 10, scope: "installation" } },
      pacing: true,
    });
    const platform = new Platform();
    const previews = Array.from({ length: 4 }, (_, index) => {
      const writer = platform.writer(() => limiter.takePreviewTurn({ installationId: "i", method: "edit" }), 500);
      return { name: `p${index}`, preview: runLivePreview({ receipt: RECEIPT, writer }) };
    });
    for (let n = 0; n < 600; n++) {
      for (const { name, preview } of previews) preview.offer(`${name} ${n}`);
      await vi.advanceTimersByTimeAsync(200);
    }
    // Half of the burst at once, then one every five seconds, over two minutes.
    expect(platform.written.length).toBeGreaterThanOrEqual(26);
    expect(platform.written.length).toBeLessThanOrEqual(31);
    const shares = previews.map(({ name }) => platform.written.filter(({ text }) => text.startsWith(name)).length);
    expect(Math.min(...shares)).toBeGreaterThanOrEqual(3);
    // The other half of the burst was left to the final texts.
    const finals = await Promise.all(
      [1, 2, 3, 4].map(() => limiter.acquire({ installationId: "i", method: "edit" }).then(() => Date.now())),
    );
    expect(new Set(finals)).toEqual(new Set([120_000]));
  });

  test("ends with the last text offered, whatever the order of offers, delays and failures", async () => {
    const step = fc.record({ text: fc.string({ minLength: 1 }), passedMs: fc.integer({ min: 0, max: 3_000 }) });
    const failure = fc.oneof(
      { weight: 4, arbitrary: fc.constant(undefined) },
      { weight: 1, arbitrary: fc.constant(new Error("gone wrong")) },
      {
        weight: 1,
        arbitrary: fc
          .integer({ min: 0, max: 9_000 })
          .map((retryAfterMs) => new ParleyError("PLATFORM_RATE_LIMITED", { retryAfterMs })),
      },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 25 }),
        fc.array(failure, { maxLength: 12 }),
        fc.integer({ min: 0, max: 2_500 }),
        async (steps, failures, latencyMs) => {
          const platform = new Platform();
          platform.latencyMs = latencyMs;
          platform.failures.push(...failures);
          const preview = runLivePreview({
            receipt: RECEIPT,
            writer: platform.writer(),
            policy: { maxFailures: Number.POSITIVE_INFINITY },
          });
          for (const { text, passedMs } of steps) {
            preview.offer(text);
            await vi.advanceTimersByTimeAsync(passedMs);
          }
          await vi.advanceTimersByTimeAsync(2_000_000);
          const last = steps.at(-1)?.text;
          expect(last === "broken" ? last : platform.written.at(-1)?.text).toBe(last);
          expect(platform.mostUnderWay).toBe(1);
          await preview.settle();
        },
      ),
      { numRuns: 200, seed: 35 },
    );
  });
});
