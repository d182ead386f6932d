import { expect, it } from "vitest";
import { CUT_PEERS, type CutKind } from "../../support/agents/cuts/cut-peers.ts";
import { judgePosts, runCuts } from "../../support/agents/cuts/cut-run.ts";
import { piecesOf } from "../../support/agents/cuts/tale.ts";
import { SeededRandom } from "../../support/slack/model/seeded-random.ts";

/** The line to an agent is cut in the middle of every turn; `npm run measure -- drops` does the same with 500. */
const kinds = Object.keys(CUT_PEERS) as CutKind[]; // the keys of that very table

it.each(kinds)(
  "loses no question and answers none twice when the line to its agent is cut: %s",
  { timeout: 120_000 },
  async (kind) => {
    const run = await runCuts(kind, { count: 24, random: new SeededRandom(8) });
    expect(run).toMatchObject({ turns: 24, lost: 0, twice: 0, unanswered: 0, examples: [] });
    expect(run.answered + run.told).toBe(24);
    expect(run.deadLetters).toBe(run.told);
    expect(run.cutMidway).toBeGreaterThan(0);
  },
);

it("takes half an answer for a lost one, and two posts for two", () => {
  const whole = piecesOf("mark-1").join("");
  expect(judgePosts("mark-1", [whole])).toBe("answered");
  expect(judgePosts("mark-1", ["teller0 stopped with an error."])).toBe("told");
  expect(judgePosts("mark-1", [])).toBe("lost");
  expect(judgePosts("mark-1", [whole.slice(0, -3)])).toBe("lost");
  expect(judgePosts("mark-2", [whole])).toBe("lost");
  expect(judgePosts("mark-1", [whole, whole])).toBe("twice");
  expect(judgePosts("mark-1", [whole, "teller0 stopped with an error."])).toBe("twice");
});
