import { rm } from "node:fs/promises";
import { embeddedDataFolder } from "../../support/embedded/data-folder.ts";
import { startSynapse } from "../../support/matrix/index.ts";
import type { KillPoint } from "../../support/matrix-crypto/bot-process.ts";
import { type KillRunOptions, killRun } from "../../support/matrix-crypto/kill-run.ts";
import type { Outcome, Scenario } from "../scenario.ts";
import type { Stage } from "../stage.ts";

const TARGETED: readonly (readonly [KillPoint, number])[] = [
  ["after-send", 1],
  ["keys-received", 1],
  ["session-shared", 1],
  ["before-token", 2],
  ["after-send", 2],
  ["before-send", 1],
  ["keys-received", 2],
  ["session-shared", 2],
  ["before-send", 2],
];

async function run(stage: Stage, differs: Partial<KillRunOptions> = {}): Promise<Outcome> {
  const { databaseUrl } = stage.servers;
  const synapse = await startSynapse();
  const dataFolder = databaseUrl === undefined ? await embeddedDataFolder() : undefined;
  try {
    const { findings, kills, messages } = await killRun({
      synapse,
      ledger: databaseUrl === undefined ? { dataFolder: dataFolder ?? "" } : { databaseUrl },
      targeted: TARGETED,
      randomRounds: stage.reduced ? 3 : 12,
      ...differs,
    });
    return { findings, figures: { kills, messages } };
  } finally {
    await synapse.stop();
    if (dataFolder !== undefined) await rm(dataFolder, { recursive: true, force: true });
  }
}

/** Encrypted rooms of a real homeserver, with a bot whose processes are killed: judged by what the bot heard and what a person's own client can read. */
export const matrixEncryption: readonly Scenario[] = [
  { name: "matrix-encryption-kills", stores: ["pglite", "postgres"], reduced: ["pglite"], run: (stage) => run(stage) },
  {
    name: "twin-matrix-keys-not-durable",
    stores: ["pglite"],
    reduced: [],
    mustFail: true,
    run: (stage) => run(stage, { sabotage: "keys-late" }),
  },
];
