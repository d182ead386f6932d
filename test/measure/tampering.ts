import { writeRealLog } from "../support/audit/real-log.ts";
import { tamper, verify } from "../support/audit/tampering.ts";
import { startPostgres } from "../support/servers/index.ts";
import type { Measurement } from "./measurement.ts";

const QUESTIONS = 40;

/** Changes of an audit log that a running Parley wrote, by a superuser with the triggers off: how many of them verifying finds, and how many it names. */
export const tampering: Measurement = {
  name: "tampering",
  describes: "random changes of the audit log that are found and named; --count changes (default 1000)",
  async run({ count = 1_000, seed, store }) {
    const postgres = store === "postgres" ? await startPostgres({ fsync: true }) : undefined;
    try {
      const databaseUrl = await postgres?.createDatabase();
      const log = await writeRealLog({ questions: QUESTIONS, ...(databaseUrl === undefined ? {} : { databaseUrl }) });
      try {
        const before = await Promise.all(log.organizations.map((id) => verify(log.database, log, id)));
        if (before.flat().length > 0) throw new Error(`findings in an untouched log: ${JSON.stringify(before.flat())}`);
        const trials = await tamper(log, { trials: count, seed });
        const missed = trials.filter((trial) => !trial.found);
        const unnamed = trials.filter((trial) => trial.found && !trial.named);
        const kinds = new Map<string, number>();
        for (const { kind } of trials) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
        return {
          passed: missed.length === 0 && unnamed.length === 0,
          figures: {
            changes: trials.length,
            found: trials.length - missed.length,
            named: trials.filter((trial) => trial.named).length,
            kinds: kinds.size,
          },
          failures: [...missed, ...unnamed].map(({ kind, description }) => `${kind}: ${description}`),
        };
      } finally {
        await log.close();
      }
    } finally {
      await postgres?.stop();
    }
  },
};
