import { afterAll, beforeAll, expect, it } from "vitest";
import { defineAgent } from "../../../agents/shared/agent-function.ts";
import { type MatrixApp, startMatrixApp } from "../../support/app/matrix-app.ts";
import { until } from "../../support/app/slack-app.ts";

const PATIENCE_MS = 40_000;
const given = new Map<string, readonly string[]>();

const asker = defineAgent(async function* (request) {
  given.set(
    request.trigger.sender.id,
    request.transcript.map(({ text }) => text),
  );
  yield "noted";
});

let parley: MatrixApp;

beforeAll(async () => {
  parley = await startMatrixApp([{ handle: "asker", name: "Asker", connector: { kind: "function", run: asker } }], {
    mode: "bot",
  });
}, 150_000);

afterAll(() => parley.close());

it.each([
  ["joined", false],
  ["shared", true],
] as const)(
  "where history is %s, a newcomer's question brings the agent what was said before: %s",
  async (visibility, isGiven) => {
    const words = `before anybody came, ${visibility}`;
    const nadia = await parley.person("nadia");
    const room = await parley.room(nadia, ["asker"]);
    await nadia.setState(room, "m.room.history_visibility", { history_visibility: visibility });
    await nadia.say(room, words);
    const bob = await parley.person("bob");
    await nadia.invite(room, bob.userId);
    await bob.join(room);
    const since = `since bob came, ${visibility}`;
    await nadia.say(room, since);
    const account = parley.accountOf("asker");
    for (const who of [bob, nadia]) {
      await who.say(room, "@asker what was said?", { mentions: [account] });
      await until(() => given.has(who.userId), PATIENCE_MS);
    }
    expect(given.get(bob.userId)).toContain(since);
    expect(given.get(bob.userId)?.includes(words)).toBe(isGiven);
    expect(given.get(nadia.userId)).toEqual(expect.arrayContaining([words, since]));
  },
  120_000,
);
