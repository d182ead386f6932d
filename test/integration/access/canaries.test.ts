import { expect, it } from "vitest";
import { SEEDED_BUGS } from "../../support/canaries/bugs.ts";
import { exploreCanaries } from "../../support/canaries/explore.ts";
import { startCanaryWorld } from "../../support/canaries/world.ts";
import { createTestDatabase } from "../../support/servers/shared-servers.ts";

/** The short form of `npm run measure -- canaries`: a canary in every message of fifty channels in four organizations. */

const SEED = 4;
const OPERATIONS = 100;
/** Those that leak to whole organizations, and are found within some dozens of operations whatever the seed. */
const SOON_FOUND = ["a transcript is that of the whole organization", "a transcript is that of everybody"];
const TIMEOUT_MS = 120_000;

async function explored(bug: (typeof SEEDED_BUGS)[number] | undefined, operations: number) {
  const world = await startCanaryWorld(await createTestDatabase(), bug?.ports ?? (() => ({})));
  try {
    return await exploreCanaries(world, operations, SEED, () => undefined);
  } finally {
    await world.close();
  }
}

it("no canary comes out where it may not be read, over random operations", { timeout: TIMEOUT_MS }, async () => {
  const { finding, asked, answered, operations } = await explored(undefined, OPERATIONS);
  expect(finding).toBeUndefined();
  expect(operations).toBeGreaterThanOrEqual(OPERATIONS);
  expect(answered).toBeGreaterThan(asked * 0.9);
});

it.each(SOON_FOUND)("the canaries find it: %s", { timeout: TIMEOUT_MS }, async (name) => {
  const bug = SEEDED_BUGS.find((one) => one.name === name);
  expect(bug).toBeDefined();
  expect((await explored(bug, 500)).finding).toBeDefined();
});
