import { lifecycleMutants } from "./lifecycle-mutants.ts";
import type { ConnectorMutant } from "./mutant.ts";
import { safetyMutants } from "./safety-mutants.ts";
import { turnMutants } from "./turn-mutants.ts";

/** Broken connectors: at least one for every obligation. */
export const CONNECTOR_MUTANTS: readonly ConnectorMutant[] = [...lifecycleMutants, ...turnMutants, ...safetyMutants];
