import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { defineAgent } from "../../../agents/shared/agent-function.ts";
import { type SlackApp, startSlackApp, until } from "../../support/app/slack-app.ts";

let parley: SlackApp;
const heard: string[] = [];
let gate = Promise.withResolvers<void>();

const slow = defineAgent(async function* (request) {
  heard.push(request.trigger.text);
  await gate.promise;
  yield `slowly ${request.trigger.text}`;
});
const watcher = defineAgent(async function* (request) {
  heard.push(`watcher ${request.trigger.sender.id}`);
  yield "I saw that";
});

beforeAll(async () => {
  parley = await startSlackApp([
    { handle: "slow", name: "Slow", connector: { kind: "function", run: slow }, replyInThread: false },
    {
      handle: "watcher",
      name: "Watcher",
      connector: { kind: "function", run: watcher },
      speaksFirst: true,
      on: ["reaction_added"],
    },
  ]);
});
afterAll(() => parley.close());
beforeEach(() => {
  heard.length = 0;
  gate = Promise.withResolvers<void>();
});

async function deny(person: string): Promise<string> {
  const { token } = JSON.parse(readFileSync(join(parley.dataFolder, "operator.json"), "utf8")) as { token: string }; // our own file
  const answer = await fetch(`${parley.url}/api/access/rules`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ who: `person:${person}`, actions: ["start_agent"], effect: "deny" }),
  });
  expect(answer.status).toBe(201);
  return await answer.text();
}

async function turnStates(): Promise<string[]> {
  const rows = await parley.ledger.query<{ state: string; reason: string | null }>({
    text: "select state, state_reason as reason from turns order by order_no",
  });
  return rows.map(({ state, reason }) => `${state}:${reason ?? ""}`);
}

it("a reaction of somebody who may not start an agent starts none", async () => {
  const [, other = "", third = ""] = parley.space.users;
  await deny(other);
  const { ts } = parley.slack.people.postAs(third, parley.channel, "something to react to");
  parley.slack.people.reactAs(other, parley.channel, ts, "eyes");
  await until(async () => {
    const rows = await parley.ledger.query<{ decisions: unknown }>({
      text: "select decisions from events where kind = 'reaction_added' and state = 'dropped'",
    });
    return JSON.stringify(rows).includes("sender_denied");
  });
  parley.slack.people.reactAs(third, parley.channel, ts, "tada");
  await until(() => heard.length > 0);
  expect(heard).toEqual([`watcher ${third}`]);
  const [turn] = await parley.ledger.query<{ asker_id: string | null }>({ text: "select asker_id from turns" });
  expect(turn?.asker_id).toBeNull();
});

it("a right that is taken ends what its owner asked for, at work and queued", async () => {
  const { slack, user, channel } = parley;
  slack.people.postAs(user, channel, parley.ask("slow", "one"));
  await until(() => heard.length === 1);
  slack.people.postAs(user, channel, parley.ask("slow", "two"));
  await until(async () => (await turnStates()).some((state) => state.startsWith("queued")));
  await deny(user);
  await until(
    async () => (await turnStates()).filter((state) => state.startsWith("cancelled:sender_denied")).length === 2,
  );
  gate.resolve();
  expect(heard).toHaveLength(1);
  expect(slack.log.posts({ channel, by: "app" }).filter((post) => post.text?.startsWith("slowly"))).toEqual([]);
});
