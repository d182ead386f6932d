import { describe, expect, it } from "vitest";
import { createWebhookConnector, generateWebhookSecret } from "../../../agents/webhook/index.ts";
import type { RetrySchedule } from "../../../src/contracts/connector.ts";
import { ParleyError } from "../../../src/errors/parley-error.ts";
import { retryDelayMs } from "../../../src/pipeline/invoke/retry-policy.ts";

const unavailable = new ParleyError("AGENT_UNAVAILABLE");
const HOUR_MS = 3_600_000;

function scheduleOf(retry?: object): RetrySchedule {
  const { features } = createWebhookConnector({
    kind: "webhook",
    url: "https://agents.example.org/turns",
    secret: generateWebhookSecret(),
    ...(retry === undefined ? {} : { retry }),
  });
  if (features.retry === undefined) throw new Error("a webhook has a schedule");
  return features.retry;
}

/** The moments at which a turn is tried, in ms from the first, under a clock that moves by the pauses alone. */
function attemptsOf(
  schedule: RetrySchedule | undefined,
  errors: (retries: number) => ParleyError = () => unavailable,
): number[] {
  const moments = [0];
  let clockMs = 0;
  for (let retries = 0; retries < 50; retries += 1) {
    const waitMs = retryDelayMs({
      error: errors(retries),
      retries,
      remainingMs: 120_000 - clockMs,
      schedule,
      failingMs: clockMs,
      spread: 0.5,
    });
    if (waitMs === undefined) return moments;
    clockMs += waitMs;
    moments.push(clockMs);
  }
  throw new Error("the schedule never ends");
}

describe("how turns wait for an agent that cannot be reached", () => {
  it("tries a webhook at the moments of Standard Webhooks", () => {
    const moments = attemptsOf(scheduleOf());
    const pauses = moments.slice(1).map((moment, index) => moment - (moments[index] ?? 0));
    const hours = [2, 5, 10, 14, 20, 24].map((count) => count * HOUR_MS);
    expect(pauses).toEqual([5_000, 300_000, 1_800_000, ...hours]);
    expect(moments).toHaveLength(10);
  });

  it("waits longer where the agent asks for it, and never shorter", () => {
    const asks = (retryAfterMs: number) => () => new ParleyError("AGENT_UNAVAILABLE", { retryAfterMs });
    expect(attemptsOf(scheduleOf(), asks(60_000)).slice(0, 3)).toEqual([0, 60_000, 360_000]);
    expect(attemptsOf(scheduleOf(), asks(1)).slice(0, 3)).toEqual([0, 5_000, 305_000]);
  });

  it("ends with an address that is gone, a failure of another kind, and an agent that was away for the whole limit", () => {
    const gone = new ParleyError("AGENT_UNAVAILABLE", { facts: { disable: true } });
    for (const error of [gone, new ParleyError("AGENT_CRASHED"), new ParleyError("AGENT_TIMEOUT")])
      expect(attemptsOf(scheduleOf(), () => error)).toEqual([0]);
    expect(attemptsOf(scheduleOf({ disableAfterMs: 400_000 }))).toEqual([0, 5_000, 305_000, 2_105_000]);
  });

  it("tries what an address answered with an error again too, where it knows of the schedule", () => {
    const failed = new ParleyError("AGENT_CRASHED", { facts: { httpStatus: 500, again: true } });
    expect(attemptsOf(scheduleOf(), () => failed)).toEqual(attemptsOf(scheduleOf()));
    expect(attemptsOf(scheduleOf({ disableAfterMs: 400_000 }), () => failed)).toEqual([0, 5_000, 305_000, 2_105_000]);
    expect(attemptsOf(undefined, () => failed)).toEqual([0]);
  });

  it("gives an agent that came back without its turn the turn five times, further and further apart from its others", () => {
    const forgotten = new ParleyError("AGENT_UNAVAILABLE", { facts: { away: true, forgotten: true } });
    expect(attemptsOf(undefined, () => forgotten)).toEqual([0, 0, 1_000, 3_000, 7_000]);
  });

  it("takes a schedule of the agent's own, also none", () => {
    expect(attemptsOf(scheduleOf({ pausesMs: [100, 200] }))).toEqual([0, 100, 300]);
    expect(attemptsOf(scheduleOf({ pausesMs: [] }))).toEqual([0]);
  });

  it("tries agents without a schedule twice more, within the turn's own time", () => {
    expect(attemptsOf(undefined)).toEqual([0, 1_000, 5_000]);
    const late = { error: unavailable, retries: 1, remainingMs: 3_000, schedule: undefined, failingMs: 0, spread: 0 };
    expect(retryDelayMs(late)).toBeUndefined();
  });
});
