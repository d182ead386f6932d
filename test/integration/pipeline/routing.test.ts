import { afterAll, beforeAll, expect, it } from "vitest";
import { defineAgent } from "../../../agents/shared/agent-function.ts";
import { type SlackApp, startSlackApp, until } from "../../support/app/slack-app.ts";

let parley: SlackApp;
const seen: { agent: string; text: string; transcript: string[]; roster: string[]; reason: string }[] = [];

const recorder = (agent: string) =>
  defineAgent(async function* (request) {
    seen.push({
      agent,
      text: request.trigger.text,
      transcript: request.transcript.map((message) => message.text),
      roster: request.roster.map((entry) => entry.handle ?? entry.name),
      reason: request.reason,
    });
    yield `${agent} heard: ${request.trigger.text}`;
  });

beforeAll(async () => {
  parley = await startSlackApp([
    { handle: "alpha", name: "Alpha", connector: { kind: "function", run: recorder("alpha") } },
    {
      handle: "beta",
      name: "Beta",
      connector: { kind: "function", run: recorder("beta") },
      subscriptions: [{ pattern: "deploy(ed|ing)? failed" }],
    },
    {
      handle: "outsider",
      name: "Outsider",
      connector: { kind: "function", run: recorder("outsider") },
      channels: ["nowhere-*"],
    },
  ]);
});
afterAll(() => parley.close());

async function answersTo(text: string, threadTs?: string): Promise<{ ts: string; texts: string[] }> {
  const written = parley.slack.people.postAs(
    parley.user,
    parley.channel,
    text,
    threadTs === undefined ? {} : { threadTs },
  );
  await until(async () => {
    const [row] = await parley.ledger.query<{ finished_at: Date | null }>(
      {
        text: "select finished_at from events where envelope->'body'->>'messageId' = $1 and kind = 'message_created' and envelope->'sender'->>'kind' = 'human'",
      },
      [written.ts],
    );
    return row?.finished_at;
  });
  const posts = parley.slack.log.posts({ channel: parley.channel, thread: threadTs ?? written.ts, by: "app" });
  return { ts: written.ts, texts: posts.map((post) => post.text ?? "") };
}

async function decisionsOn(ts: string): Promise<Record<string, string>> {
  const rows = await parley.ledger.query<{ handle: string; verdict: string; rule: string }>(
    {
      text: `select a.handle, d->>'verdict' as verdict, d->>'rule' as rule from events e cross join jsonb_array_elements(e.decisions) r cross join jsonb_array_elements(r->'agents') d join agents a on a.id = d->>'agent'
        where e.envelope->'body'->>'messageId' = $1 and e.envelope->'sender'->>'kind' = 'human'`,
    },
    [ts],
  );
  return Object.fromEntries(rows.map((row) => [row.handle, `${row.verdict}:${row.rule}`]));
}

it("answers the agent that is named, in a thread under the question, once", async () => {
  const { ts, texts } = await answersTo(parley.ask("alpha", "what is new?"));
  expect(texts).toHaveLength(1);
  expect(texts[0]).toContain("alpha heard");
  expect(await decisionsOn(ts)).toMatchObject({
    alpha: "turn:mention",
    beta: "no:not_addressed",
    outsider: "no:agent_not_in_channel",
  });
});

it("writes one decision for each agent, with its rule, also when nobody is addressed", async () => {
  const { ts, texts } = await answersTo("just people talking");
  expect(texts).toEqual([]);
  const decisions = await decisionsOn(ts);
  expect(Object.keys(decisions).sort()).toEqual(["alpha", "assistant", "beta", "guide", "outsider"]);
  expect(new Set(Object.values(decisions))).toEqual(new Set(["no:not_addressed", "no:agent_not_in_channel"]));
});

it("lets an agent that takes part in a thread hear what is said in it, with the thread as its transcript", async () => {
  const { ts } = await answersTo(parley.ask("alpha", "begin a thread"));
  const second = await answersTo("and another thing", ts);
  expect(second.texts).toHaveLength(2);
  expect(await decisionsOn(second.ts)).toMatchObject({ alpha: "turn:thread_participant", beta: "no:not_addressed" });
  const last = seen.findLast((turn) => turn.agent === "alpha");
  expect(last?.transcript).toHaveLength(2);
  expect(last?.transcript[0]).toContain("begin a thread");
  expect(last?.transcript[1]).toContain("alpha heard");
  expect(last?.roster).toEqual(expect.arrayContaining(["alpha", "beta"]));
  expect(last?.roster).not.toContain("outsider");
});

it("leaves an agent out of a channel that is not its own, even when it is named", async () => {
  const { ts, texts } = await answersTo(parley.ask("outsider", "are you there?"));
  expect(texts).toEqual([]);
  expect(await decisionsOn(ts)).toMatchObject({ outsider: "no:agent_not_in_channel", alpha: "no:not_addressed" });
});

it("triggers a subscription by its pattern", async () => {
  const { ts, texts } = await answersTo("the deploy failed again");
  expect(texts).toHaveLength(1);
  expect(await decisionsOn(ts)).toMatchObject({ beta: "turn:subscription" });
});

it("answers a direct message by the default agent", async () => {
  const { channel, ts } = parley.slack.people.directMessageAs(parley.user, "hello you");
  const post = await until(() => parley.slack.log.posts({ channel, by: "app" })[0]);
  expect(post.text).toContain("alpha heard: hello you");
  expect(await decisionsOn(ts)).toMatchObject({ alpha: "turn:direct_message" });
});

it("routes a slash command to the agent it names", async () => {
  await parley.slack.gestures.slash(parley.user, parley.channel, "/parley", "ask @beta what now");
  const turn = await until(() => seen.find((one) => one.reason === "command"));
  expect(turn).toMatchObject({ agent: "beta" });
});

it("drops its own posts by identity", async () => {
  const rows = await until(async () => {
    const found = await parley.ledger.query<{ state_reason: string }>({
      text: "select distinct state_reason from events where (envelope->'sender'->>'self')::boolean and state = 'dropped' and kind = 'message_created'",
    });
    return found.length > 0 ? found : undefined;
  });
  expect(rows).toEqual([{ state_reason: "own_message" }]);
});
