import { afterAll, beforeAll, expect, it } from "vitest";
import { defineAgent } from "../../../agents/shared/agent-function.ts";
import { type SlackApp, startSlackApp, until } from "../../support/app/slack-app.ts";

let parley: SlackApp;
const gate = Promise.withResolvers<void>();

const talker = defineAgent(async function* () {
  yield "the beginning ";
  await gate.promise;
  yield "and the end";
});

beforeAll(async () => {
  parley = await startSlackApp([{ handle: "talker", name: "Talker", connector: { kind: "function", run: talker } }]);
});
afterAll(() => parley.close());

it("an answer whose growing message may not be changed any more comes whole as a new message, once", async () => {
  const { slack, user, channel } = parley;
  for (const method of ["chat.update", "chat.appendStream", "chat.stopStream"])
    slack.faults.add({ kind: "refused", method, error: "edit_window_closed" });
  slack.people.postAs(user, channel, parley.ask("talker", "tell me"));
  await until(() => slack.log.entries.some((entry) => entry.by === "app" && entry.text?.includes("the beginning")));
  gate.resolve();
  const [turn] = await until(async () => {
    const rows = await parley.ledger.query<{ state: string }>({
      text: "select state from turns where finished_at is not null",
    });
    return rows.length > 0 ? rows : undefined;
  });
  expect(turn?.state).toBe("answered");
  const whole = slack.log.entries.filter((entry) => entry.by === "app" && entry.text?.includes("and the end"));
  expect(whole).toHaveLength(1);
  expect(whole[0]?.text).toContain("the beginning and the end");
  const dead = await parley.ledger.query({ text: "select code from dead_letters" });
  expect(dead).toEqual([]);
});
