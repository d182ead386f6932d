import { afterAll, beforeAll, expect, it } from "vitest";
import { defineAgent } from "../../../agents/shared/agent-function.ts";
import { type SlackApp, startSlackApp, until } from "../../support/app/slack-app.ts";

const AGENTS = ["alpha", "bravo", "charlie", "delta", "echo", "foxtrot"];
const everybody = AGENTS.map((handle) => `@${handle}`).join(" ");
const QUESTIONS = 5;
const PARTS = 3;

let parley: SlackApp;
let begun: (() => void)[] = [];

/** Waits until all have begun, and then says what Slack takes in several messages. */
const wordy = (): ReturnType<typeof defineAgent> =>
  defineAgent(async ({ trigger }) => {
    await new Promise<void>((resolve) => {
      begun.push(resolve);
      if (begun.length < AGENTS.length) return;
      for (const end of begun) end();
      begun = [];
    });
    const question = /outage \d/.exec(trigger.text)?.[0] ?? "";
    return Array.from({ length: PARTS }, (_, part) => `${question} ${part} ${"word ".repeat(2_200)}`).join("\n\n");
  });

beforeAll(async () => {
  parley = await startSlackApp(
    AGENTS.map((handle) => ({
      handle,
      name: handle,
      connector: { kind: "function", run: wordy() },
    })),
  );
});
afterAll(() => parley.close());

it("posts answers of several messages that end at the same moment one after another", async () => {
  for (let question = 0; question < QUESTIONS; question += 1) {
    const from = parley.slack.log.posts({ channel: parley.channel, by: "app" }).length;
    parley.slack.people.postAs(parley.user, parley.channel, `${everybody} outage ${question}`);
    await until(async () => {
      const [row] = await parley.ledger.query<{ n: number }>({
        text: "select count(*)::int as n from turns where state = 'answered'",
      });
      return row?.n === AGENTS.length * (question + 1);
    });
    const posts = parley.slack.log.posts({ channel: parley.channel, by: "app" }).slice(from);
    expect(posts.length).toBeGreaterThanOrEqual(AGENTS.length * 2);
    const speakers = posts.map((post) => post.username ?? "");
    const inTurn = speakers.filter((name, index) => name !== speakers[index - 1]);
    expect(inTurn.toSorted()).toEqual(AGENTS);
  }
});
