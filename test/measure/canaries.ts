import type { AppPorts } from "../../src/app.ts";
import { SEEDED_BUGS } from "../support/canaries/bugs.ts";
import { type CanaryOutcome, exploreCanaries } from "../support/canaries/explore.ts";
import { startCanaryWorld } from "../support/canaries/world.ts";
import { startPostgres } from "../support/servers/index.ts";
import type { Measurement } from "./measurement.ts";

const OPERATIONS = 20_000;
/** A seeded bug must be found within so many. */
const PER_BUG = 5_000;

/** A canary in every message of fifty channels in four organizations, and agents that tell all they can get: no canary may come out where it may not be read. */
export const canaries: Measurement = {
  name: "canaries",
  describes: `foreign words in requests, posts, logs and metrics over random operations (--count, default ${OPERATIONS}), and that seeded bugs are found`,
  async run({ count = OPERATIONS, seed }) {
    const postgres = await startPostgres({ fsync: true });
    const on = async (ports: () => AppPorts, operations: number, what: string): Promise<CanaryOutcome> => {
      const world = await startCanaryWorld(await postgres.createDatabase(), ports);
      try {
        return await exploreCanaries(world, operations, seed, (done) =>
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
