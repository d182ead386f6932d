import { fileURLToPath } from "node:url";
import { createCLI, createVitest, parseCLI, type TestModule } from "vitest/node";

/**
 * Runs vitest with the arguments given, and a second time, each file alone, what failed in a run of everything.
 *
 * Tests with real servers share a machine that does much else, and a test that is tried again in a file that has gone wrong finds the leavings of
 * the first try. So a few files that failed get fresh servers and the whole machine once; the last lines name them, for each is a fault of a test or
 * of the product. Where more fail than `MAX_SECOND_TRIES`, it is no accident and nothing is tried again.
 */

const MAX_SECOND_TRIES = 8;

const config = fileURLToPath(new URL("vitest.config.ts", import.meta.url));
const asked = ["vitest", "run", ...process.argv.slice(2)];
if (asked.includes("--help") || asked.includes("-h")) {
  createCLI().parse(["node", ...asked], { run: false });
  process.exit(0);
}
const { filter, options } = parseCLI(asked);
const vitest = await createVitest({ config, watch: false, run: true, ...options });
try {
  await vitest.start(filter);
  const broken = vitest.state.getTestModules().filter((testModule) => !testModule.ok());
  if (filter.length === 0 && broken.length > 0 && broken.length <= MAX_SECOND_TRIES) await tryAgain(broken);
} finally {
  await vitest.close();
}

async function tryAgain(broken: readonly TestModule[]): Promise<void> {
  const again = broken.map((testModule) => testModule.toTestSpecification());
  let failed = vitest.state.getUnhandledErrors().length > 0;
  for (const specification of again) {
    process.stdout.write(`\nOnce more, alone: ${specification.moduleId}\n`);
    const { testModules } = await vitest.runTestSpecifications([specification]);
    if (testModules.length === 0 || testModules.some((testModule) => !testModule.ok())) failed = true;
  }
  process.exitCode = failed ? 1 : 0;
}
