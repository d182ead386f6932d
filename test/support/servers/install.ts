import { ensureSynapse } from "../matrix/synapse-system.ts";
import { ensurePackages } from "./debian-packages.ts";

// `npm test` and the CI run this before anything else: installing inside a test would run into its timeout.
try {
  await ensurePackages("redis-server", "postgresql", "chromium", "python3");
  // Where it cannot be had, the tests of Matrix alone fail, by the same words.
  await ensureSynapse().catch(tell);
} catch (error) {
  tell(error);
  process.exitCode = 1;
}

function tell(error: unknown): void {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
}
