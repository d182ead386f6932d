import type { AdapterCheck } from "./checks.ts";
import { errorChecks } from "./checks-errors.ts";
import { featureChecks } from "./checks-features.ts";
import { intakeChecks } from "./checks-intake.ts";
import { lifeChecks } from "./checks-life.ts";
import { lossChecks } from "./checks-losses.ts";
import { parseChecks } from "./checks-parse.ts";
import { restartChecks } from "./checks-restart.ts";
import { safetyChecks } from "./checks-safety.ts";
import { sendChecks } from "./checks-send.ts";

export const ADAPTER_CHECKS: readonly AdapterCheck[] = [
  ...lifeChecks,
  ...restartChecks,
  ...intakeChecks,
  ...parseChecks,
  ...sendChecks,
  ...lossChecks,
  ...safetyChecks,
  ...featureChecks,
  ...errorChecks,
];
