import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createPausableClock } from "../../../src/pipeline/invoke/pausable-clock.ts";
import { createTurnSlots } from "../../../src/pipeline/invoke/turn-slots.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function clock(deadlineMs: number, idleTimeoutMs: number) {
  const over: string[] = [];
  const made = createPausableClock({
    deadlineMs,
    idleTimeoutMs,
    onDeadline: () => over.push("deadline"),
    onIdle: () => over.push("idle"),
    now: () => Date.now(),
  });
  return { clock: made, over };
}

describe("the time of a turn", () => {
  it("runs out at its deadline, and does not begin before it is started", () => {
    const { clock: time, over } = clock(1_000, 5_000);
    vi.advanceTimersByTime(2_000);
    expect(time.remainingMs()).toBe(1_000);
    time.start();
    vi.advanceTimersByTime(999);
    expect([over, time.remainingMs()]).toEqual([[], 1]);
    vi.advanceTimersByTime(1);
    expect(over).toEqual(["deadline"]);
  });

  it("stands still while people are asked, however many questions overlap, and goes on with what was left", () => {
    const { clock: time, over } = clock(1_000, 500);
    time.start();
    vi.advanceTimersByTime(400);
    const first = time.pause();
    const second = time.pause();
    expect(time.paused).toBe(true);
    vi.advanceTimersByTime(86_400_000);
    first();
    first();
    vi.advanceTimersByTime(86_400_000);
    expect([over, time.remainingMs(), time.paused]).toEqual([[], 600, true]);
    second();
    expect(time.paused).toBe(false);
    vi.advanceTimersByTime(499);
    time.touch();
    vi.advanceTimersByTime(101);
    expect(over).toEqual(["deadline"]);
  });

  it("ends a silence only while it runs: a word during a pause starts nothing", () => {
    const { clock: time, over } = clock(10_000, 500);
    time.start();
    vi.advanceTimersByTime(400);
    const resume = time.pause();
    time.touch();
    vi.advanceTimersByTime(5_000);
    expect(over).toEqual([]);
    resume();
    vi.advanceTimersByTime(500);
    expect(over).toEqual(["idle"]);
  });

  it("runs out no more once it was stopped", () => {
    const { clock: time, over } = clock(1_000, 500);
    time.start();
    time.stop();
    time.pause()();
    vi.advanceTimersByTime(10_000);
    expect(over).toEqual([]);
  });
});

describe("slots of turns", () => {
  it("are others' while a turn waits for people, as many as may run at once", () => {
    let freed = 0;
    const slots = createTurnSlots(2, () => {
      freed += 1;
    });
    slots.take("a");
    slots.take("a");
    expect([slots.free, slots.of("a")]).toEqual([0, 2]);
    const back = slots.rest("a");
    expect([slots.free, slots.of("a"), freed]).toEqual([1, 1, 1]);
    slots.rest("a");
    slots.take("b");
    slots.take("b");
    // Two wait already: a third keeps its slot.
    const kept = slots.rest("b");
    expect([slots.free, slots.of("b")]).toEqual([0, 2]);
    kept();
    back();
    back();
    slots.leave("a");
    expect([slots.free, slots.of("a"), slots.of("b")]).toEqual([0, 0, 2]);
  });
});
