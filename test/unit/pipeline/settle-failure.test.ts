import { describe, expect, it } from "vitest";
import { ERROR_CODES, type ErrorCode } from "../../../src/errors/codes.ts";
import { ParleyError } from "../../../src/errors/parley-error.ts";
import { DELIVERY_TTL_MS, settleFailure, UNKNOWN_TTL_MS } from "../../../src/pipeline/deliver/settle-failure.ts";
import { settleReconciled } from "../../../src/pipeline/upkeep/reconcile.ts";

const now = 1_800_000_000_000;
const delivery = { id: "d", epoch: 1, attempt: 1, message_id: null, first_attempt_at: new Date(now) };
const at = { nowMs: now, deadLetterId: "x" };

describe("settleFailure", () => {
  it.each(Object.keys(ERROR_CODES) as ErrorCode[])(
    "never makes a post pending again whose outcome is unknown: %s",
    (code) => {
      const row = settleFailure(delivery, new ParleyError(code, { delivery: "unknown" }), at);
      expect(row.state).toBe("unknown");
      expect(row.dead_letter).toBeNull();
    },
  );

  it("waits as long as the platform asked for", () => {
    expect(
      settleFailure(delivery, new ParleyError("PLATFORM_RATE_LIMITED", { retryAfterMs: 30_000 }), at),
    ).toMatchObject({ state: "pending", wait_ms: 30_000 });
  });

  it("gives up at once on a certain refusal, with a dead letter", () => {
    expect(settleFailure(delivery, new ParleyError("FEATURE_UNSUPPORTED"), at)).toMatchObject({
      state: "rejected",
      dead_letter: "x",
    });
  });

  it.each(["TARGET_NOT_FOUND", "PLATFORM_FORBIDDEN"] as const)("ends quietly where the place is closed: %s", (code) => {
    const why = new ParleyError(code, { detail: "the channel is archived" });
    const ended = { state: "cancelled", code, reason: "the channel is archived", dead_letter: null };
    expect(settleFailure(delivery, why, at)).toMatchObject(ended);
    expect(settleFailure({ ...delivery, message_id: "m" }, why, at)).toMatchObject(ended);
  });

  it("keeps a post until the installation's token is good again, but not longer than anybody waits for it", () => {
    const refused = new ParleyError("PLATFORM_UNAUTHORIZED");
    expect(settleFailure(delivery, refused, at)).toMatchObject({
      state: "pending",
      wait_ms: 15_000,
      dead_letter: null,
    });
    const old = { ...delivery, first_attempt_at: new Date(now - DELIVERY_TTL_MS - 1) };
    expect(settleFailure(old, refused, at)).toMatchObject({ state: "rejected", dead_letter: "x" });
  });

  it("gives up on a post that could not be sent for half an hour", () => {
    const old = { ...delivery, first_attempt_at: new Date(now - DELIVERY_TTL_MS - 1) };
    expect(settleFailure(old, new ParleyError("PLATFORM_UNAVAILABLE"), at)).toMatchObject({
      state: "rejected",
      dead_letter: "x",
    });
  });

  it("repeats an edit whatever its outcome, since an edit twice is an edit once", () => {
    expect(settleFailure({ ...delivery, message_id: "m" }, new ParleyError("PLATFORM_OUTCOME_UNKNOWN"), at).state).toBe(
      "pending",
    );
  });
});

describe("settleReconciled", () => {
  const unknown = {
    id: "d",
    epoch: 2,
    absences: 0,
    first_attempt_at: new Date(now),
    preview: false,
    final: true,
    owner_died: false,
  };

  const late = { ...at, delivered: undefined, lateEffectMs: 15_000 };

  it("waits with the second read-back as long as a lost connection's write may still come, and not so where the process died", () => {
    expect(settleReconciled(unknown, { absent: true }, late).wait_ms).toBe(15_000);
    expect(settleReconciled({ ...unknown, owner_died: true }, { absent: true }, late).wait_ms).toBe(1_500);
  });

  it("sends again only after two read-backs in a row found nothing", () => {
    expect(settleReconciled(unknown, { absent: true }, late)).toMatchObject({
      state: "unknown",
      absent: true,
    });
    expect(settleReconciled({ ...unknown, absences: 1 }, { absent: true }, late)).toMatchObject({ state: "pending" });
  });

  it("never sends again while the platform does not say, and parks it for a person in the end", () => {
    expect(settleReconciled(unknown, { undetermined: "away" }, late)).toMatchObject({
      state: "unknown",
      dead_letter: null,
    });
    const old = { ...unknown, first_attempt_at: new Date(now - UNKNOWN_TTL_MS - 1) };
    expect(settleReconciled(old, { undetermined: "away" }, late)).toMatchObject({
      state: "parked",
      dead_letter: "x",
    });
  });
});
