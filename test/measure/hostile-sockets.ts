import { runSocketsTrial } from "../support/hostile/sockets-trial.ts";
import { startPostgres } from "../support/servers/index.ts";
import type { Measurement } from "./measurement.ts";

const FRAMES = 1_000_000;
const MAX_CLOSE_MS = 1_000;
const MAX_GROWN_MIB = 128;

/** Security rule R13: WebSockets of agents, of strangers and of pages that break every bound, while another agent answers. */
export const hostileSockets: Measurement = {
  name: "hostile-sockets",
  describes: `attacks on WebSockets while another agent answers (--count frames in the long ones, default ${FRAMES})`,
  async run({ count = FRAMES, store }) {
    const postgres = store === "postgres" ? await startPostgres({ fsync: true }) : undefined;
    try {
      const trial = await runSocketsTrial({ size: count, databaseUrl: await postgres?.createDatabase() });
      const late = trial.attacks.filter(({ closedAfterMs = Number.POSITIVE_INFINITY }) => closedAfterMs > MAX_CLOSE_MS);
      const failures = [
        ...late.map(({ name, socket, closedAfterMs }) => `${name} by ${socket}: closed after ${closedAfterMs} ms`),
        ...(trial.answered === trial.asked ? [] : [`${trial.asked - trial.answered} questions were not answered`]),
        ...(trial.drops === 0 ? [] : ["the other agent lost its connection"]),
        ...(trial.grownMib < MAX_GROWN_MIB ? [] : [`the process grew by ${trial.grownMib} MiB`]),
      ];
      const slowest = Math.max(...trial.attacks.map(({ closedAfterMs = Number.POSITIVE_INFINITY }) => closedAfterMs));
      return {
        passed: failures.length === 0,
        figures: {
          attacks: trial.attacks.length,
          "slowest close ms": slowest,
          asked: trial.asked,
          answered: trial.answered,
          drops: trial.drops,
          "grown MiB": trial.grownMib,
        },
        failures,
      };
    } finally {
      await postgres?.stop();
    }
  },
};
