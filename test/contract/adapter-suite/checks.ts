import type { Ability, AdapterHarness, AdapterRig, FailureMode, FeatureName } from "./harness.ts";

/** One check of one obligation of src/contracts/adapter.ts; it throws when the obligation is broken. */
export interface AdapterCheck {
  readonly id: string;
  readonly title: string;
  /** What the platform must have for this check. */
  readonly needs?: readonly Ability[];
  /** The failure or feature that it is about; platforms without it are spared. */
  readonly failure?: FailureMode;
  readonly feature?: FeatureName;
  /** The adapter is mounted but not started when the check begins. */
  readonly unstarted?: true;
  /** Looks at what belongs to the whole process, and so runs beside no other. */
  readonly alone?: true;
  run(rig: AdapterRig, harness: AdapterHarness): Promise<void>;
}
