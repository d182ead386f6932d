import { rmSync } from "node:fs";
import { expect, onTestFinished, test } from "vitest";
import { embeddedDataFolder } from "../../support/embedded/data-folder.ts";
import { startSynapse } from "../../support/matrix/index.ts";
import { killRun } from "../../support/matrix-crypto/kill-run.ts";

// `npm run test:faults -- --only matrix-encryption` kills at more moments, and more often.
test("kills after a send, after keys came and at random lose nothing, repeat nothing and leave all readable", {
  timeout: 120_000,
}, async () => {
  const dataFolder = await embeddedDataFolder();
  const synapse = await startSynapse();
  onTestFinished(async () => {
    await synapse.stop();
    rmSync(dataFolder, { recursive: true, force: true });
  });
  const result = await killRun({
    synapse,
    ledger: { dataFolder },
    targeted: [
      ["after-send", 1],
      ["keys-received", 1],
    ],
    randomRounds: 2,
  });
  expect(result).toMatchObject({ findings: [], kills: 5 });
});
