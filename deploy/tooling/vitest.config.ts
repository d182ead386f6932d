import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const root = fileURLToPath(new URL("../..", import.meta.url));
const withoutServers = ["test/unit/**/*.test.ts", "test/architecture/**/*.test.ts"];

export default defineConfig({
  root,
  // Vite would take .env files of the working folder for settings of the tests.
  envDir: false,
  test: {
    root,
    environment: "node",
    pool: "forks",
    // Tests that start servers and wait for them are most of the time; one worker a core would leave the cores idle.
    maxWorkers: Math.max(3, availableParallelism()),
    reporters: ["default", fileURLToPath(new URL("last-line-reporter.ts", import.meta.url))],
    allowOnly: false,
    passWithNoTests: false,
    testTimeout: 20_000,
    hookTimeout: 60_000,
    teardownTimeout: 60_000,
    unstubEnvs: true,
    restoreMocks: true,
    projects: [
      {
        extends: true,
        test: { name: "unit", include: withoutServers },
      },
      {
        extends: true,
        test: {
          name: "servers",
          // Real servers on a machine that does much else: what fails is tried once more, and named at the end of the run.
          retry: 1,
          include: ["test/**/*.test.ts"],
          exclude: [...withoutServers, "**/node_modules/**"],
          globalSetup: [fileURLToPath(new URL("../../test/support/servers/global-setup.ts", import.meta.url))],
        },
      },
    ],
  },
});
