import { AssertionError } from "node:assert";
import { readFile } from "node:fs/promises";
import { afterAll, describe, expect, it } from "vitest";
import { createDiscordAdapter } from "../../adapters/discord/index.ts";
import { createMatrixAdapter } from "../../adapters/matrix/index.ts";
import { createSlackAdapter } from "../../adapters/slack/index.ts";
import { createWebAdapter } from "../../adapters/web/index.ts";
import { ADAPTER_CHECKS } from "./adapter-suite/all-checks.ts";
import type { AdapterHarness, Breaker } from "./adapter-suite/harness.ts";
import { discordHarness } from "./adapter-suite/rigs/discord-rig.ts";
import { matrixHarness } from "./adapter-suite/rigs/matrix-rig.ts";
import { slackHarness } from "./adapter-suite/rigs/slack-rig.ts";
import { webHarness } from "./adapter-suite/rigs/web-rig.ts";
import { checksFor, runCheck } from "./adapter-suite/suite.ts";
import { ADAPTER_MUTANTS } from "./mutants/adapters/index.ts";
import type { AdapterMutant } from "./mutants/adapters/mutant.ts";

const CHECK_IDS = [...new Set(ADAPTER_CHECKS.map((check) => check.id))].sort();

/** What the checks of an obligation have against an adapter; undefined when they find nothing. */
async function complaintOf(harness: AdapterHarness, id: string): Promise<string | undefined> {
  for (const check of checksFor(harness).filter((one) => one.id === id)) {
    try {
      await runCheck(check, harness);
    } catch (error) {
      // Only what a check asserts is a finding; a rig that breaks proves nothing.
      if (error instanceof AssertionError) return error.message;
      throw error;
    }
  }
  return undefined;
}

/** The suite has something against each of these mutants, on a platform whose rigs share nothing. */
function failEach(mutants: readonly AdapterMutant[], harnessFor: (breaker: Breaker) => AdapterHarness): void {
  for (const { name, breaks, breaker } of mutants) {
    const concurrent = !ADAPTER_CHECKS.some((check) => check.id === breaks && check.alone === true);
    it(`${name}, on ${breaks}`, { timeout: 60_000, concurrent }, async () => {
      expect(await complaintOf(harnessFor(breaker), breaks)).toEqual(expect.any(String));
    });
  }
}

describe("the adapter suite", () => {
  it("has a check for every obligation of the contract, and none for others", async () => {
    const contract = await readFile(new URL("../../src/contracts/adapter.ts", import.meta.url), "utf8");
    const obligations = [...contract.matchAll(/Contract: (AD-[A-Z]+-\d+)/gu)].map((match) => match[1] ?? "");
    expect(obligations.length).toBeGreaterThan(0);
    expect(CHECK_IDS).toEqual(obligations.toSorted());
  });

  it("has a broken adapter for every obligation", () => {
    expect([...new Set(ADAPTER_MUTANTS.map((mutant) => mutant.breaks))].sort()).toEqual(CHECK_IDS);
  });

  it.each([
    slackHarness({ create: createSlackAdapter, transport: "http" }),
    slackHarness({ create: createSlackAdapter, transport: "socket" }),
    webHarness({ create: createWebAdapter, backend: "pglite" }),
    discordHarness({ create: createDiscordAdapter }),
    matrixHarness({ create: createMatrixAdapter, mode: "bot" }),
    matrixHarness({ create: createMatrixAdapter, mode: "encrypted" }),
    matrixHarness({ create: createMatrixAdapter, mode: "service" }),
  ])("puts $name to every obligation but those that it skips, with reason and link", (harness) => {
    const put = new Set(checksFor(harness).map((check) => check.id));
    const skipped = harness.skips.map((skip) => skip.id);
    expect([...put, ...skipped].sort()).toEqual(CHECK_IDS);
    for (const { reason, link } of harness.skips) {
      expect(reason.length).toBeGreaterThan(20);
      expect(link).toMatch(/^(https:|src\/|deploy\/)/u);
    }
  });
});

describe("on Slack, the adapter suite fails an adapter that", () => {
  failEach(
    ADAPTER_MUTANTS.filter((mutant) => mutant.notOnSlack !== true && mutant.onDiscordAlone !== true),
    (breaker) => slackHarness({ create: createSlackAdapter, transport: "http", breaker }),
  );
});

describe("on Discord, the adapter suite fails an adapter that", () => {
  failEach(
    ADAPTER_MUTANTS.filter((mutant) => mutant.onSlackAlone !== true || mutant.onDiscordToo === true),
    (breaker) => discordHarness({ create: createDiscordAdapter, breaker }),
  );
});

describe("in the web room, the adapter suite fails an adapter that", () => {
  // One database for all of them: each rig is an organization of its own.
  let breakerNow: Breaker = (real) => real;
  const harness = webHarness({
    create: createWebAdapter,
    backend: "pglite",
    breaker: (real, tools) => breakerNow(real, tools),
  });
  afterAll(() => harness.close());

  it.each(ADAPTER_MUTANTS.filter((mutant) => mutant.onSlackAlone !== true && mutant.onDiscordAlone !== true))(
    "$name, on $breaks",
    { timeout: 60_000 },
    async ({ breaker, breaks }) => {
      breakerNow = breaker;
      expect(await complaintOf(harness, breaks)).toEqual(expect.any(String));
    },
  );
});
