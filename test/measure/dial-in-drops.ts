import { startDialInApp } from "../support/agents/dial-in-app.ts";
import { runDrops } from "../support/agents/drop-run.ts";
import { startPostgres } from "../support/servers/index.ts";
import { SeededRandom } from "../support/slack/model/seeded-random.ts";
import type { Measurement } from "./measurement.ts";

const TURNS = 500;

/** The connection of a dial-in agent is cut in the middle of every turn: nothing may be lost, and nothing answered twice. */
export const dialInDrops: Measurement = {
  name: "dial-in-drops",
  describes: `answers lost, doubled or garbled when a dial-in agent's connection is cut in the middle of every turn (--count, default ${TURNS})`,
  async run({ count = TURNS, seed }) {
    const server = await startPostgres({ fsync: true });
    const app = await startDialInApp(["dropper"], { databaseUrl: await server.createDatabase() });
    try {
      const { turns, cutMidway, cuts, lost, twice, garbled } = await runDrops(app, "dropper", {
        count,
        random: new SeededRandom(seed),
      });
      const failures = [
        ...(lost > 0 ? [`${lost} turns got no answer`] : []),
        ...(twice > 0 ? [`${twice} turns were answered twice`] : []),
        ...(garbled > 0 ? [`${garbled} answers are not what the agent said`] : []),
      ];
      return { passed: failures.length === 0, figures: { turns, cutMidway, cuts, lost, twice, garbled }, failures };
    } finally {
      await app.close();
      await server.stop();
    }
  },
};
