import { afterAll, beforeAll, expect, it } from "vitest";
import { defineAgent } from "../../../agents/shared/agent-function.ts";
import { type SlackApp, startSlackApp, type TestAgent, until } from "../../support/app/slack-app.ts";

/** Security rule R29: agents that answer one another end by themselves, and a person's message starts them anew. */

let parley: SlackApp;
const QUIET_MS = 3_000;
const MOST_POSTS = 6;

/** Names the next agent in every answer, in every form that could reach it. */
function passesOnTo(handle: string, next: string): TestAgent {
  return {
    handle,
    name: handle,
    connector: {
      kind: "function",
      run: defineAgent(async function* () {
        yield `@${next} what do you say? @${next}`;
      }),
    },
  };
}

beforeAll(async () => {
  parley = await startSlackApp([
    passesOnTo("ping", "pong"),
    passesOnTo("pong", "ping"),
    passesOnTo("one", "two"),
    passesOnTo("two", "three"),
    passesOnTo("three", "one"),
    ...["a", "b", "c", "d", "e"].map((letter, index, all) =>
      passesOnTo(`ring-${letter}`, `ring-${all[(index + 1) % all.length]}`),
    ),
    passesOnTo("narcissus", "narcissus"),
  ]);
});
afterAll(() => parley.close());

const inThread = (thread: string): number => parley.slack.log.posts({ thread, by: "app" }).length;

/** Waits until a thread has been quiet for a while, with nothing under way, and counts its posts. */
async function countUntilQuiet(thread: string): Promise<number> {
  await until(() => inThread(thread) > 0);
  let seen = -1;
  let quietSince = performance.now();
  return await until(async () => {
    const count = inThread(thread);
    if (count !== seen) {
      seen = count;
      quietSince = performance.now();
    }
    const open = await parley.ledger.query({ text: "select 1 from events where finished_at is null" });
    return performance.now() - quietSince > QUIET_MS && open.length === 0 ? count : 0;
  }, 30_000);
}

it.each([
  ["two", "ping"],
  ["three", "one"],
  ["a ring of five", "ring-a"],
])(
  "%s agents that name each other fall silent, and a person starts them again",
  { timeout: 90_000 },
  async (_name, first) => {
    const { ts } = parley.slack.people.postAs(parley.user, parley.channel, parley.ask(first, "begin"), {});
    const begun = await countUntilQuiet(ts);
    expect(begun).toBeGreaterThan(1);
    expect(begun).toBeLessThanOrEqual(MOST_POSTS);
    // What is done to their own posts starts nothing: edits by people of theirs, reactions by people.
    const [own] = parley.slack.log.posts({ thread: ts, by: "app" });
    if (own?.ts !== undefined) parley.slack.people.reactAs(parley.user, parley.channel, own.ts, "eyes");
    parley.slack.people.editAs(parley.user, parley.channel, ts, parley.ask(first, "begin, please"));
    expect(await countUntilQuiet(ts)).toBe(begun);
    // Another pair of eyes: a person's word gives them new hops, within the same bound.
    parley.slack.people.postAs(parley.user, parley.channel, parley.ask(first, "go on"), { threadTs: ts });
    await until(() => inThread(ts) > begun);
    const again = (await countUntilQuiet(ts)) - begun;
    expect(again).toBeGreaterThan(0);
    expect(again).toBeLessThanOrEqual(MOST_POSTS);
  },
);

it("an agent that names itself is not heard by itself", { timeout: 60_000 }, async () => {
  const { ts } = parley.slack.people.postAs(parley.user, parley.channel, parley.ask("narcissus", "begin"), {});
  expect(await countUntilQuiet(ts)).toBe(1);
});
