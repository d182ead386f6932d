import fc from "fast-check";
import type { AppPorts } from "../../src/app.ts";
import { SEEDED_BUGS } from "../support/canaries/bugs.ts";
import { CanaryModel } from "../support/canaries/model.ts";
import { canariesIn } from "../support/canaries/mole.ts";
import { anyOperations, type CanaryRun, newRun } from "../support/canaries/operations.ts";
import { type CanaryWorld, startCanaryWorld } from "../support/canaries/world.ts";
import { startPostgres } from "../support/servers/index.ts";
import type { Measurement } from "./measurement.ts";

const OPERATIONS = 20_000;
/** Operations of one sequence; each begins with fifty new channels. */
const AT_A_TIME = 500;
/** A seeded bug must be found within so many. */
const PER_BUG = 5_000;

interface Outcome {
  readonly operations: number;
  readonly asked: number;
  readonly answered: number;
  readonly finding: string | undefined;
}

/** Random sequences until so many operations were done or something was found. */
async function explore(
  world: CanaryWorld,
  operations: number,
  seed: number,
  say: (done: number) => void,
): Promise<Outcome> {
  const model = new CanaryModel();
  let done = 0;
  let asked = 0;
  let answered = 0;
  for (let round = 0; done < operations; round += 1) {
    let run: CanaryRun | undefined;
    const details = await fc.check(
      fc.asyncProperty(anyOperations(Math.min(AT_A_TIME, operations - done)), async (commands) => {
        run = newRun(world, model);
        await fc.asyncModelRun(() => ({ model: {}, real: run as CanaryRun }), commands); // set in the line before
      }),
      { numRuns: 1, seed: seed + round, endOnFailure: true },
    );
    const operationsDone = run?.operations ?? 0;
    done += operationsDone;
    asked += run?.asked ?? 0;
    answered += run?.answered ?? 0;
    say(done);
    if (details.failed)
      return { operations: done, asked, answered, finding: run?.findings[0] ?? String(details.errorInstance) };
    const told = canariesIn(await world.metrics());
    if (told.length > 0) return { operations: done, asked, answered, finding: "a metric holds words of people" };
  }
  return { operations: done, asked, answered, finding: undefined };
}

/** A canary in every message of fifty channels in four organizations, and agents that tell all they can get: no canary may come out where it may not be read. */
export const canaries: Measurement = {
  name: "canaries",
  describes: `foreign words in requests, posts, logs and metrics over random operations (--count, default ${OPERATIONS}), and that seeded bugs are found`,
  async run({ count = OPERATIONS, seed }) {
    const postgres = await startPostgres({ fsync: true });
    const on = async (ports: () => AppPorts, operations: number, what: string): Promise<Outcome> => {
      const world = await startCanaryWorld(await postgres.createDatabase(), ports);
      try {
        return await explore(world, operations, seed, (done) =>
          process.stderr.write(`${what}: ${done} of ${operations}\n`),
        );
      } finally {
        await world.close();
      }
    };
    try {
      const sound = await on(() => ({}), count, "sound");
      if (sound.finding !== undefined) process.stderr.write(`FOUND: ${sound.finding}\n`);
      const missed: string[] = [];
      for (const bug of SEEDED_BUGS) {
        const { finding, operations } = await on(bug.ports, PER_BUG, bug.name);
        process.stderr.write(
          `${bug.name}: ${finding === undefined ? "NOT FOUND" : `found after ${operations}: ${finding}`}\n`,
        );
        if (finding === undefined) missed.push(bug.name);
      }
      return {
        passed: sound.finding === undefined && missed.length === 0 && sound.answered > sound.asked * 0.9,
        figures: {
          operations: sound.operations,
          "questions asked": sound.asked,
          "questions answered": sound.answered,
          "foreign canaries": sound.finding === undefined ? 0 : 1,
          "bugs seeded": SEEDED_BUGS.length,
          "bugs found": SEEDED_BUGS.length - missed.length,
        },
        failures: [
          ...(sound.finding === undefined ? [] : [sound.finding]),
          ...missed.map((name) => `not found: ${name}`),
        ],
      };
    } finally {
      await postgres.stop();
    }
  },
};
