import { afterAll, beforeAll, expect, it } from "vitest";
import { type MatrixApp, startMatrixApp } from "../../support/app/matrix-app.ts";
import { until } from "../../support/app/slack-app.ts";
import { RoomLog } from "../../support/matrix/index.ts";
import { createToolAgent } from "./tool-agent.ts";

/** The tools of agents in front of a real homeserver, where answers and reactions are events of their own. */

let parley: MatrixApp;
const agent = createToolAgent();

beforeAll(async () => {
  parley = await startMatrixApp(
    [{ handle: "worker", name: "Worker", connector: { kind: "function", run: agent.run } }],
    {
      mode: "service",
    },
  );
}, 120_000);
afterAll(() => parley.close());

it("answers a message as a reply to it, and reacts to it", async () => {
  const alice = await parley.person("alice");
  const room = await parley.room(alice, ["worker"]);
  const log = new RoomLog(parley.synapse.url, alice.account.accessToken);
  const account = parley.accountOf("worker");
  const body = [
    "@worker",
    'call reply_to {"message":"$message","text":"an answer to it"}',
    'call react {"message":"$message","reaction":"🎉"}',
    'call react {"message":"$unknown:elsewhere","reaction":"🎉"}',
    "say done",
  ].join("\n");
  const asked = await alice.say(room, body);
  await until(
    async () =>
      (await log.events(room)).some((event) => JSON.stringify(event).includes("done") && event.sender === account),
    30_000,
  );
  expect(agent.seen[0]?.results).toMatchObject([
    { posted: true },
    { reacted: true },
    { error: "there is no such message in this conversation" },
  ]);
  const events = (await log.events(room)).filter(({ sender }) => sender === account);
  const answer = events.find((event) => event.content["body"] === "an answer to it");
  expect(answer?.content["m.relates_to"]).toEqual({ "m.in_reply_to": { event_id: asked } });
  const reactions = events.filter(({ type }) => type === "m.reaction");
  expect(reactions.map(({ content }) => content["m.relates_to"])).toContainEqual({
    rel_type: "m.annotation",
    event_id: asked,
    key: "🎉",
  });
}, 90_000);
