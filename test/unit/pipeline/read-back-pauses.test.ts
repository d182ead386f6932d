import { describe, expect, test } from "vitest";
import { settleReconciled } from "../../../src/pipeline/upkeep/reconcile.ts";

const at = Date.parse("2026-01-01T00:00:00Z");
const delivery = {
  id: "d",
  epoch: 1,
  absences: 0,
  first_attempt_at: new Date(at),
  preview: false,
  final: true,
  owner_died: false,
};
const settle = (ageMs: number) =>
  settleReconciled(
    delivery,
    { undetermined: "too recent" },
    { nowMs: at + ageMs, deadLetterId: "x", delivered: undefined, lateEffectMs: 15_000 },
  );

describe("pauses between read-backs", () => {
  test("a fresh attempt is looked for again within a second, so that a conversation goes on soon after a crash", () => {
    expect(settle(500)).toMatchObject({ state: "unknown", wait_ms: 1_000 });
  });

  test("a platform in trouble is asked every five seconds", () => {
    expect(settle(20_000)).toMatchObject({ state: "unknown", wait_ms: 5_000 });
  });
});
