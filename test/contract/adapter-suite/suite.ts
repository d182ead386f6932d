import { afterAll, describe, expect, it } from "vitest";
import { ADAPTER_CHECKS } from "./all-checks.ts";
import type { AdapterCheck } from "./checks.ts";
import type { AdapterHarness } from "./harness.ts";

/** For one check on a machine that does much else; with a real homeserver and encryption, the longest take half a minute. */
const TIMEOUT_MS = 120_000;

/** The checks that a harness is put to: all but those of skipped obligations and of what its platform does not have. */
export function checksFor(harness: AdapterHarness): readonly AdapterCheck[] {
  const skipped = new Set(harness.skips.map((skip) => skip.id));
  return ADAPTER_CHECKS.filter(
    ({ id, needs = [], failure, feature }) =>
      !skipped.has(id) &&
      needs.every((ability) => harness.impossible[ability] === undefined) &&
      (failure === undefined || harness.failures.includes(failure)) &&
      (feature === undefined || harness.features.includes(feature)),
  );
}

/** Runs one check against a platform of its own, and takes that down whatever the check found. */
export async function runCheck(check: AdapterCheck, harness: AdapterHarness): Promise<void> {
  const rig = await harness.start({ started: check.unstarted !== true });
  try {
    await check.run(rig, harness);
  } finally {
    // Whoever still waits for the sink could not be stopped.
    rig.sink.release();
    await rig.stop();
  }
}

/** Guarantees a test for every obligation of ChatAdapter that the platform can put an adapter to. */
export function describeAdapterContract(harness: AdapterHarness): void {
  const checks = checksFor(harness);
  describe(`the adapter contract, kept by ${harness.name}`, () => {
    for (const check of checks) {
      const options = { timeout: TIMEOUT_MS, concurrent: harness.parallel && check.alone !== true };
      it(`${check.id} ${check.title}`, options, () => expect(runCheck(check, harness)).resolves.toBeUndefined());
    }
    afterAll(() => harness.close());
  });
}
