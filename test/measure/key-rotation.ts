import { runKeyRotationTrial } from "../support/ledger/key-rotation-trial.ts";
import { startPostgres } from "../support/servers/index.ts";
import type { Measurement } from "./measurement.ts";

const KILLS = 100;

/** Security rule R30: how many rows cannot be read when what seals them anew is killed in the middle, again and again. */
export const keyRotation: Measurement = {
  name: "key-rotation",
  describes: `rotations of the secret key that are killed midway, on PostgreSQL (--count kills, default ${KILLS})`,
  async run({ count = KILLS, seed }) {
    const postgres = await startPostgres({ fsync: true });
    try {
      const trial = await runKeyRotationTrial({
        databaseUrl: await postgres.createDatabase(),
        midwayKills: count,
        seed,
      });
      return {
        passed: trial.unreadable.length === 0 && !trial.oldKeyOpens && trial.rotations > 0,
        figures: {
          "kills midway": trial.midwayKills,
          "rotations done": trial.rotations,
          unreadable: trial.unreadable.length,
        },
        failures: [...trial.unreadable, ...(trial.oldKeyOpens ? ["a key that was rotated away still opens rows"] : [])],
      };
    } finally {
      await postgres.stop();
    }
  },
};
