import { afterAll, beforeAll, expect, it } from "vitest";
import { defineAgent } from "../../../agents/shared/agent-function.ts";
import type { TurnRequest } from "../../../src/contracts/connector.ts";
import { type SlackApp, startSlackApp, until } from "../../support/app/slack-app.ts";

let parley: SlackApp;
const requests: TurnRequest[] = [];
let releaseSlow: () => void = () => undefined;

const said = (handle: string) =>
  defineAgent(async function* (request) {
    requests.push(request);
    yield `${handle}: ${request.trigger.text}`;
  });

const slow = defineAgent(async function* (request, io) {
  requests.push(request);
  await new Promise<void>((resolve) => {
    releaseSlow = resolve;
    io.signal.addEventListener("abort", () => resolve(), { once: true });
  });
  if (io.signal.aborted) return;
  yield "slow: done";
});

const terse = defineAgent(async (request) => {
  requests.push(request);
  return "fine";
});

const failing = defineAgent(async () => {
  throw new Error("no");
});

beforeAll(async () => {
  parley = await startSlackApp([
    { handle: "alpha", name: "Alpha", connector: { kind: "function", run: said("alpha") } },
    {
      handle: "one",
      name: "One",
      connector: { kind: "function", run: said("one") },
      subscriptions: [{ pattern: "outage" }],
    },
    {
      handle: "two",
      name: "Two",
      connector: { kind: "function", run: said("two") },
      subscriptions: [{ pattern: "outage" }],
    },
    { handle: "north", name: "North", connector: { kind: "function", run: terse } },
    { handle: "south", name: "South", connector: { kind: "function", run: terse } },
    { handle: "slow", name: "Slow", connector: { kind: "function", run: slow }, workReactions: "always" },
    { handle: "failing", name: "Failing", connector: { kind: "function", run: failing }, workReactions: "always" },
  ]);
});
afterAll(() => parley.close());

function say(text: string, threadTs?: string): string {
  return parley.slack.people.postAs(parley.user, parley.channel, text, threadTs === undefined ? {} : { threadTs }).ts;
}

async function settled(ts: string): Promise<{ state: string; reason: string | null }> {
  const row = await until(async () => {
    const [found] = await parley.ledger.query<{ state: string; state_reason: string | null; finished_at: Date | null }>(
      {
        text: "select state, state_reason, finished_at from events where envelope->'body'->>'messageId' = $1 and kind = 'message_created' and envelope->'sender'->>'kind' = 'human'",
      },
      [ts],
    );
    return found === undefined || found.finished_at === null ? undefined : found;
  });
  return { state: row.state, reason: row.state_reason };
}

const answers = (thread: string): string[] =>
  parley.slack.log.posts({ channel: parley.channel, thread, by: "app" }).map((post) => post.text ?? "");

async function rulesOn(ts: string): Promise<Record<string, string>> {
  const rows = await parley.ledger.query<{ handle: string; rule: string }>(
    {
      text: `select a.handle, d->>'rule' as rule from events e cross join jsonb_array_elements(e.decisions) r cross join jsonb_array_elements(r->'agents') d join agents a on a.id = d->>'agent'
        where e.envelope->'body'->>'messageId' = $1 and e.envelope->'sender'->>'kind' = 'human'`,
    },
    [ts],
  );
  return Object.fromEntries(rows.map((row) => [row.handle, row.rule]));
}

it("keeps the agents of a thread silent while a person has it, and lets them back", async () => {
  const root = say(parley.ask("alpha", "begin"));
  await settled(root);
  const pause = say(`<@${parley.space.bot.botUserId}> pause`, root);
  expect(await settled(pause)).toEqual({ state: "answered", reason: "command_pause" });
  const unheard = say(parley.ask("alpha", "are you there?"), root);
  await settled(unheard);
  expect(await rulesOn(unheard)).toMatchObject({ alpha: "taken_over" });
  const elsewhere = say(parley.ask("alpha", "and here?"));
  await settled(elsewhere);
  expect(answers(elsewhere)).toHaveLength(1);
  expect(await settled(say(`<@${parley.space.bot.botUserId}> resume`, root))).toMatchObject({ state: "answered" });
  const heard = say(parley.ask("alpha", "welcome back"), root);
  await settled(heard);
  expect(answers(root)).toHaveLength(2);
});

it("ends what an agent is doing in a thread that a person takes over", async () => {
  const root = say(parley.ask("slow", "take your time"));
  await until(async () => requests.some((request) => request.trigger.messageId === root));
  await settled(say(`<@${parley.space.bot.botUserId}> pause`, root));
  expect(await settled(root)).toEqual({ state: "cancelled", reason: "taken_over" });
});

it("lets one agent have a question that was put to nobody", async () => {
  const ts = say("there is an outage");
  await settled(ts);
  const rules = await rulesOn(ts);
  const heard = Object.values(rules).filter((rule) => rule !== "not_addressed");
  expect(new Set(heard)).toEqual(new Set(["another_agent_answers", "subscription"]));
  expect(heard).toHaveLength(2);
  expect(answers(ts)).toHaveLength(1);
});

it("tells each of several agents who else was asked, and who has answered", async () => {
  const ts = say("@alpha @slow both of you, please");
  await until(async () => answers(ts).some((text) => text.startsWith("alpha")));
  releaseSlow();
  await settled(ts);
  const asked = requests.filter((request) => request.trigger.messageId === ts);
  expect(asked.map((request) => [request.agent.handle, request.alsoAsked])).toEqual(
    expect.arrayContaining([
      ["alpha", ["slow"]],
      ["slow", ["alpha"]],
    ]),
  );
  expect(answers(ts)).toHaveLength(2);
});

it("links answers of several agents to their question where others stand between, and calls nobody by it", async () => {
  const root = say(parley.ask("alpha", "a thread with much in it"));
  await settled(root);
  const before = requests.length;
  const ts = say("@north @south what *now*?", root);
  await settled(ts);
  const linked = answers(root).slice(1);
  expect(linked).toHaveLength(2);
  for (const text of linked) expect(text).toContain("north south what");
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(requests.length - before).toBe(2);
});

it("shows work on a question as reactions: at work, then done or failed", async () => {
  const ts = say(parley.ask("slow", "show your work"));
  const reactions = (): string[] => reactionsOn(ts);
  await until(async () => reactions().includes("eyes"));
  releaseSlow();
  await settled(ts);
  await until(async () => reactions().join() === "white_check_mark");
  const bad = say(parley.ask("failing", "show your work"));
  await settled(bad);
  await until(async () => reactionsOn(bad).join() === "warning");
  expect(reactions()).toEqual(["white_check_mark"]);
});

function reactionsOn(ts: string): string[] {
  const standing = new Set<string>();
  for (const entry of parley.slack.log.since(0).filter((one) => one.ts === ts && one.by === "app")) {
    if (entry.kind === "reaction_add") standing.add(String(entry.text));
    if (entry.kind === "reaction_remove") standing.delete(String(entry.text));
  }
  return [...standing];
}
