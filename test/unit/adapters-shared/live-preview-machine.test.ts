import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  openedPreview,
  type PreviewEvent,
  type PreviewState,
  type PreviewVerdict,
  stepPreview,
} from "../../../adapters/shared/live-preview-machine.ts";

const INTERVAL_MS = 1_000;
const POLICY = { maxFailures: 3, maxEdits: 5 };

const verdict: fc.Arbitrary<PreviewVerdict> = fc.oneof(
  fc.constant({ kind: "failed" as const }),
  fc.constant({ kind: "changed_over" as const }),
  fc.constant({ kind: "given_up" as const }),
  fc.integer({ min: 0, max: 30_000 }).map((pauseMs) => ({ kind: "paused" as const, pauseMs })),
);
const words = fc.string({ minLength: 1, maxLength: 3 });
const event: fc.Arbitrary<PreviewEvent> = fc.oneof(
  { weight: 6, arbitrary: words.map((markdown) => ({ type: "offered" as const, markdown })) },
  { weight: 6, arbitrary: fc.constant({ type: "due" as const }) },
  { weight: 1, arbitrary: fc.constant({ type: "unchanged" as const }) },
  { weight: 2, arbitrary: fc.integer({ min: -5, max: 9_000 }).map((waitMs) => ({ type: "held" as const, waitMs })) },
  { weight: 4, arbitrary: fc.constant({ type: "started" as const, minIntervalMs: INTERVAL_MS }) },
  { weight: 4, arbitrary: fc.constant({ type: "written" as const }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("failed" as const), verdict, markdown: words }) },
  { weight: 1, arbitrary: fc.constant({ type: "ended" as const }) },
);
const history = fc.array(fc.record({ event, passedMs: fc.integer({ min: 0, max: 2_000 }) }), { maxLength: 80 });

/** Feeds events in any order, also ones that no driver would send, and gives each step. */
function play(events: readonly { event: PreviewEvent; passedMs: number }[]) {
  let state: PreviewState = openedPreview(0, INTERVAL_MS);
  let nowMs = 0;
  return events.map(({ event: next, passedMs }) => {
    nowMs += passedMs;
    const before = state;
    const step = stepPreview(state, next, nowMs, POLICY);
    state = step.state;
    return { nowMs, event: next, before, after: step.state, action: step.action };
  });
}

/** What breaks the rule in the shortest history that does; the rule gives what is wrong with a step, or nothing. */
function breachOf(seed: number, rule: () => (step: ReturnType<typeof play>[number]) => string | undefined) {
  const breaches = (events: Parameters<typeof play>[0]): string[] => {
    const check = rule();
    return play(events).flatMap((step) => check(step) ?? []);
  };
  const property = fc.property(history, (events) => breaches(events).length === 0);
  const { failed, counterexample } = fc.check(property, { numRuns: 3_000, seed });
  return failed ? { counterexample, breaches: breaches(counterexample?.[0] ?? []) } : undefined;
}

describe("the state machine of a live preview, whatever happens to it,", () => {
  test("asks for no edit while one is under way, too early, or after the end", () => {
    expect(
      breachOf(31, () => {
        let startedAtMs = 0;
        return ({ nowMs, event: next, before, after, action }) => {
          if (next.type === "started" && before.phase === "open") startedAtMs = nowMs;
          if (action.do !== "edit") return undefined;
          if (after.phase !== "open") return `an edit while ${after.phase}`;
          return nowMs - startedAtMs < INTERVAL_MS ? `an edit after ${nowMs - startedAtMs} ms` : undefined;
        };
      }),
    ).toBeUndefined();
  });

  test("keeps every pause that was asked for", () => {
    expect(
      breachOf(32, () => {
        let pausedUntilMs = 0;
        return ({ nowMs, event: next, before, action }) => {
          if (next.type === "failed" && next.verdict.kind === "paused" && before.phase === "writing")
            pausedUntilMs = Math.max(pausedUntilMs, nowMs + next.verdict.pauseMs);
          if (next.type === "held" && before.phase !== "ended")
            pausedUntilMs = Math.max(pausedUntilMs, nowMs + next.waitMs);
          if (action.do === "edit" && nowMs < pausedUntilMs) return "an edit inside a pause";
          return action.do === "wait" && action.untilMs < pausedUntilMs ? "a wait shorter than the pause" : undefined;
        };
      }),
    ).toBeUndefined();
  });

  test("asks for the newest text alone, and forgets none of it but by an edit, an end or a text that changes nothing", () => {
    const forgetting = ["started", "unchanged", "ended", "failed", "written"];
    expect(
      breachOf(33, () => ({ event: next, before, after, action }) => {
        if (next.type === "offered" && before.phase !== "ended" && after.pending !== next.markdown) return "not taken";
        if (action.do === "edit" && action.markdown !== after.pending) return "an older text";
        if (before.pending !== undefined && after.pending === undefined && !forgetting.includes(next.type))
          return `forgotten at ${next.type}`;
        const repeated = next.type === "failed" && before.phase === "writing" && after.phase === "open";
        return repeated && after.pending !== (before.pending ?? next.markdown) ? "not tried again" : undefined;
      }),
    ).toBeUndefined();
  });

  test("stays ended, with nothing more to do", () => {
    expect(
      breachOf(34, () => {
        let ended = false;
        return ({ after, action }) => {
          if (ended && after.phase !== "ended") return "alive again";
          ended ||= after.phase === "ended";
          if ((action.do === "stop") !== ended) return `${action.do} although ${after.phase}`;
          return after.edits > POLICY.maxEdits ? "too many edits" : undefined;
        };
      }),
    ).toBeUndefined();
  });

  test("ends after the allowed number of failures in a row and of edits", () => {
    const failure: PreviewEvent = { type: "failed", verdict: { kind: "failed" }, markdown: "x" };
    const started: PreviewEvent = { type: "started", minIntervalMs: INTERVAL_MS };
    const phases = (outcome: PreviewEvent, times: number) =>
      play(Array.from({ length: times }, () => [started, outcome].map((one) => ({ event: one, passedMs: 1 }))).flat())
        .filter(({ event: next }) => next === outcome)
        .map(({ after }) => after.phase);
    expect(phases(failure, 3)).toEqual(["open", "open", "ended"]);
    expect(phases({ type: "written" }, 5)).toEqual(["open", "open", "open", "open", "ended"]);
  });
});
