import { describe, expect, it } from "vitest";
import { IdentifyBudget, identifyWaitMs } from "../../../adapters/discord/identify-budget.ts";
import { recordedState } from "../../support/recorded-state.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const ONE = { shardCount: 1, maxConcurrency: 1, perDay: 1_000, paced: true };
const of = (times: readonly number[]) => new Map([[0, times]]);
/** So many within the last ten minutes. */
const lately = (count: number) => Array.from({ length: count }, (_, at) => 1_000_000 - 600_000 + at * 10_000);

describe("the budget of identifies of one shard", () => {
  it.each([
    ["the first", [], 0],
    ["the next within 5 s", [1_000_000 - 2_000], 3_250],
    ["the next after 5 s", [1_000_000 - 5_250], 0],
    ["the eleventh of an hour", lately(10), HOUR - 600_000],
    ["the tenth of an hour", lately(9), 0],
    ["one after a clock that went back", [2_000_000], 0],
  ])("%s", (_name, times, waitMs) => {
    expect(identifyWaitMs(of(times), 0, ONE, 1_000_000)).toBe(waitMs);
  });

  it("allows half of what Discord allows in a day", () => {
    const times = Array.from({ length: 500 }, (_, at) => DAY + at * 100_000);
    expect(identifyWaitMs(of(times), 0, ONE, DAY + 500 * 100_000 + HOUR)).toBeGreaterThan(HOUR);
    expect(identifyWaitMs(of(times), 0, { ...ONE, perDay: 2_000 }, DAY + 500 * 100_000 + HOUR)).toBe(0);
  });
});

describe("the budget of identifies of several shards", () => {
  it("spaces those of one rate limit key, and lets the others pass", () => {
    const limits = { ...ONE, shardCount: 4, maxConcurrency: 2 };
    const sent = new Map([[0, [1_000_000 - 1_000]]]);
    expect([0, 1, 2, 3].map((id) => identifyWaitMs(sent, id, limits, 1_000_000))).toEqual([4_250, 0, 4_250, 0]);
    expect(identifyWaitMs(sent, 2, { ...limits, paced: false }, 1_000_000)).toBe(0);
  });

  it.each([
    [2, 5],
    [4, 2],
    [16, 2],
  ])("gives each of %i shards %i an hour, whatever the others use", (shardCount, share) => {
    const limits = { ...ONE, shardCount, paced: false };
    expect(identifyWaitMs(new Map([[1, lately(share)]]), 1, limits, 1_000_000)).toBe(HOUR - 600_000);
    expect(identifyWaitMs(new Map([[1, lately(share - 1)]]), 1, limits, 1_000_000)).toBe(0);
    expect(identifyWaitMs(new Map([[1, lately(50)]]), 0, limits, 1_000_000)).toBe(0);
  });

  it("keeps all of them together below what Discord allows in a day", () => {
    const limits = { ...ONE, shardCount: 100, paced: false };
    const times = Array.from({ length: 5 }, (_, at) => DAY + at * HOUR);
    expect(identifyWaitMs(of(times), 0, limits, DAY + 6 * HOUR)).toBe(18 * HOUR);
  });

  it("lets one of those go that ask at once, from whichever process, and remembers it", async () => {
    const state = recordedState();
    const limits = { ...ONE, shardCount: 4 };
    const processes = [new IdentifyBudget(state, "app", limits), new IdentifyBudget(state, "app", limits)] as const;
    const waits = await Promise.all([0, 1, 2, 3].map((id) => (processes[id % 2] ?? processes[0]).take(id)));
    expect(waits.filter((waitMs) => waitMs === 0)).toHaveLength(1);
    const later = new IdentifyBudget(state, "app", limits);
    expect(await later.waitMs(3, Date.now())).toBeGreaterThan(4_000);
    expect(await later.take(3)).toBeGreaterThan(4_000);
  });

  it("counts nothing, and lets nothing go, without the ledger", async () => {
    const state = recordedState();
    const budget = new IdentifyBudget(state, "app", ONE);
    state.rejectNext(1);
    await expect(budget.take(0)).rejects.toMatchObject({ code: "LEDGER_UNAVAILABLE" });
    expect(await budget.take(0)).toBe(0);
  });
});
