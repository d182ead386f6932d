import { expect, it } from "vitest";
import { startDialInApp } from "../../support/agents/dial-in-app.ts";
import { runDrops } from "../../support/agents/drop-run.ts";
import { SeededRandom } from "../../support/slack/model/seeded-random.ts";

it("loses nothing and answers nothing twice when every turn's connection is cut in the middle", {
  timeout: 90_000,
}, async () => {
  const app = await startDialInApp(["dropper"]);
  try {
    const run = await runDrops(app, "dropper", { count: 50, random: new SeededRandom(20_261_121) });
    expect(run).toMatchObject({ turns: 50, lost: 0, twice: 0, garbled: 0 });
    expect(run.cutMidway).toBeGreaterThan(40);
  } finally {
    await app.close();
  }
});
