import { lifecycleChecks } from "./connector-checks-lifecycle.ts";
import { safetyChecks } from "./connector-checks-safety.ts";
import { turnChecks } from "./connector-checks-turn.ts";
import type { Behaviour, ConnectorRig } from "./connector-harness.ts";

/** One check of one obligation of src/contracts/connector.ts; it throws when the obligation is broken. */
export interface ConnectorCheckCase {
  readonly id: string;
  readonly title: string;
  readonly needs: readonly Behaviour[];
  run(rig: ConnectorRig): Promise<void>;
}

export const CONNECTOR_CHECKS: readonly ConnectorCheckCase[] = [...lifecycleChecks, ...turnChecks, ...safetyChecks];
