import { ensurePackages } from "./debian-packages.ts";

// `npm test` and the CI run this before anything else: installing inside a test would run into its timeout.
try {
  await ensurePackages("redis-server", "postgresql", "chromium");
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
