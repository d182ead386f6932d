import type { Stage } from "./stage.ts";

export const STORES = ["pglite", "postgres", "postgres-redis"] as const;
export type StoreKind = (typeof STORES)[number];

/** What one scenario came to on one store. */
export interface Outcome {
  /** Why the gate was not passed; empty when it was. */
  readonly findings: readonly string[];
  /** What was measured, for the report. */
  readonly figures: Readonly<Record<string, number | string>>;
}

/** One fault, or several of a kind, under load; judged by the log of the platform. */
export interface Scenario {
  readonly name: string;
  readonly stores: readonly StoreKind[];
  /** Part of `--reduced`, on which stores; an empty list leaves it to the full run. */
  readonly reduced: readonly StoreKind[];
  /** A twin that is broken on purpose: it passes when the gate catches it. */
  readonly mustFail?: boolean;
  /** Restarts or kills its servers, which are then its own. */
  readonly ownServers?: boolean;
  run(stage: Stage): Promise<Outcome>;
}
