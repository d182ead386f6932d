import { describe, expect, it } from "vitest";
import { CONNECTOR_CHECKS, type ConnectorCheckCase } from "./connector-checks.ts";
import type { ConnectorHarness } from "./connector-harness.ts";

/** The checks a harness can run: all whose behaviours its agent can show. */
export function checksFor(harness: ConnectorHarness): readonly ConnectorCheckCase[] {
  return CONNECTOR_CHECKS.filter((check) =>
    check.needs.every((behaviour) => harness.impossible[behaviour] === undefined),
  );
}

/** Runs one check against a fresh rig, and takes the rig down whatever the check found. */
export async function runCheck(check: ConnectorCheckCase, harness: ConnectorHarness): Promise<void> {
  const rig = await harness.start();
  try {
    await check.run(rig);
  } finally {
    await rig.stop();
  }
}

/** Guarantees a test for every obligation of AgentConnector that an agent of this kind can be put to. */
export function describeConnectorContract(harness: ConnectorHarness): void {
  describe(`the connector contract, kept by ${harness.name}`, () => {
    for (const check of checksFor(harness)) {
      it(`${check.id} ${check.title}`, () => expect(runCheck(check, harness)).resolves.toBeUndefined());
    }
  });
}
