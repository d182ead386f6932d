import { expect, it } from "vitest";
import { runSocketsTrial } from "../../support/hostile/sockets-trial.ts";

/** Security rule R13 in short; `npm run measure -- hostile-sockets` is the whole of it, with a million fragments. */
it("R13: ends whatever breaks the bounds of a WebSocket, and other agents notice nothing", {
  timeout: 240_000,
}, async () => {
  const trial = await runSocketsTrial({ size: 50_000 });
  expect(trial.attacks.length).toBeGreaterThanOrEqual(21);
  // A second is the rule; a machine that does much else may take two more.
  const late = trial.attacks.filter(({ closedAfterMs = Number.POSITIVE_INFINITY }) => closedAfterMs > 3_000);
  expect(late).toEqual([]);
  const codes = trial.attacks.filter(({ name }) => !name.includes("pings")).map(({ code }) => code);
  expect(codes.filter((code) => code === undefined)).toEqual([]);
  expect(trial).toMatchObject({ answered: trial.asked, drops: 0 });
  expect(trial.grownMib).toBeLessThan(128);
});
