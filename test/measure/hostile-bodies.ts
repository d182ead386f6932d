import { runBodiesTrial } from "../support/hostile/bodies-trial.ts";
import { startPostgres } from "../support/servers/index.ts";
import type { Measurement } from "./measurement.ts";

const DRIPS = 2_000;
const STREAMS = 100;
const FLOOD_MS = 30_000;
const MAX_P99_MS = 1_000;
const MAX_GROWN_MIB = 128;

/** Security rule R12: slow and endless requests of strangers, while people go on talking. */
export const hostileBodies: Measurement = {
  name: "hostile-bodies",
  describes: `signed events during a flood of slow requests (--count, default ${DRIPS}) and ${STREAMS} bodies of 1 GiB`,
  async run({ count = DRIPS, store }) {
    const postgres = store === "postgres" ? await startPostgres({ fsync: true }) : undefined;
    try {
      const databaseUrl = await postgres?.createDatabase();
      const { flood, ...trial } = await runBodiesTrial({
        drips: count,
        streams: STREAMS,
        floodMs: FLOOD_MS,
        databaseUrl,
      });
      const failures = [
        ...(trial.rejected > 0 ? [`${trial.rejected} signed events were refused`] : []),
        ...(trial.lost > 0 ? [`${trial.lost} signed events were never taken`] : []),
        ...(trial.p99Ms < MAX_P99_MS ? [] : [`the p99 of acknowledgements is ${trial.p99Ms} ms`]),
        ...(trial.grownMib < MAX_GROWN_MIB ? [] : [`the process grew by ${trial.grownMib} MiB`]),
        ...trial.wrongAnswers,
        ...(flood.putOut > count / 4 ? [] : ["the flood was not put out"]),
      ];
      return {
        passed: failures.length === 0,
        figures: {
          events: trial.events,
          rejected: trial.rejected,
          "p99 ms": trial.p99Ms,
          "max ms": trial.maxMs,
          "p99 ms before the flood": trial.calmP99Ms,
          "grown MiB": trial.grownMib,
          "wrong answers": trial.wrongAnswers.length,
          "hostile requests": flood.opened,
          "put out": flood.putOut,
          ...Object.fromEntries(Object.entries(flood.refused).map(([how, times]) => [`ended by ${how}`, times])),
          "sent MiB": Math.round(flood.sentBytes / 1024 ** 2),
        },
        failures,
      };
    } finally {
      await postgres?.stop();
    }
  },
};
