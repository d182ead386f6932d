import { afterAll, beforeAll, expect, it } from "vitest";
import { defineAgent } from "../../../agents/shared/agent-function.ts";
import type { TurnRequest } from "../../../src/contracts/connector.ts";
import { ParleyError } from "../../../src/errors/parley-error.ts";
import { callApi } from "../../support/app/call-api.ts";
import { type SlackApp, startSlackApp, until } from "../../support/app/slack-app.ts";

/** A question that was put to nobody, whose agent fails: the next one has it, once. */

const OPERATOR = "prl_op_uQ7cVn3xK9wRt5Zb2mLd8Hs4Jf6Pg1Ya";
let parley: SlackApp;
let letGo: () => void = () => undefined;
const heard: { readonly handle: string; readonly request: TurnRequest }[] = [];

/** Waits at `hold`, fails at `fail`, says something and fails at `begin`, refuses at `refuse`, and answers all else. */
const agent = (handle: string, always = false) =>
  defineAgent(async function* (request, io) {
    heard.push({ handle, request });
    const { text } = request.trigger;
    if (always && text.includes("hold"))
      await new Promise<void>((resolve) => {
        letGo = resolve;
      });
    if (always && text.includes("refuse")) throw new ParleyError("AGENT_REFUSED");
    if (always && text.includes("begin")) {
      await io.tools.find(({ name }) => name === "post")?.execute({ text: `${handle} begins` }, io.signal);
      throw new Error("no");
    }
    if ((always || text.includes("all fail")) && text.includes("fail")) throw new Error("no");
    yield `${handle} answers`;
  });

beforeAll(async () => {
  const subscriptions = [{ pattern: "outage" }];
  const of = (handle: string, always?: boolean) => ({
    handle,
    name: handle,
    connector: { kind: "function", run: agent(handle, always) },
    turnMode: "queue" as const,
  });
  parley = await startSlackApp(
    [
      { ...of("one", true), subscriptions },
      { ...of("two"), subscriptions },
      { ...of("three"), subscriptions },
      of("four"),
    ],
    { env: { PARLEY_TOKEN: OPERATOR } },
  );
});
afterAll(() => parley.close());

function say(text: string, threadTs?: string): string {
  return parley.slack.people.postAs(parley.user, parley.channel, text, threadTs === undefined ? {} : { threadTs }).ts;
}

const said = (thread: string): string[] =>
  parley.slack.log.posts({ channel: parley.channel, thread, by: "app" }).map((post) => post.text?.trim() ?? "");

/** Resolves when nothing of a message is open any more: neither its events nor its turns nor what they say. */
async function settled(ts: string): Promise<void> {
  await until(async () => {
    const [row] = await parley.ledger.query<{ events: number; open: number }>(
      {
        text: `select count(*)::int as events, count(*) filter (where e.finished_at is null or exists (
            select 1 from turns t where t.event_id = e.id and t.finished_at is null))::int as open
          from events e where e.envelope->'body'->>'messageId' = $1 and e.envelope->'sender'->>'kind' = 'human'`,
      },
      [ts],
    );
    return row !== undefined && row.events > 0 && row.open === 0;
  }, 30_000);
}

const had = (ts: string): string[] =>
  heard.filter(({ request }) => request.trigger.messageId === ts).map(({ handle }) => handle);

it("goes to the next agent, with all that was said, and whoever asked sees both the failure and the answer", async () => {
  const ts = say("fail: there is an outage");
  await until(() => said(ts).some((text) => text === "two answers"), 30_000);
  await settled(ts);
  expect(had(ts)).toEqual(["one", "two"]);
  expect(said(ts)).toEqual([expect.stringMatching(/^one /u), "two answers"]);
  const request = heard.findLast(({ handle }) => handle === "two")?.request;
  expect(request).toMatchObject({
    reason: "mention",
    trigger: { text: "fail: there is an outage", sender: { id: parley.user, kind: "human" } },
  });
});

it("goes on once and no further, whoever fails then", async () => {
  const ts = say("all fail: there is an outage");
  await until(() => had(ts).length === 2, 30_000);
  await until(() => said(ts).length === 2, 30_000);
  await settled(ts);
  expect(had(ts)).toEqual(["one", "two"]);
  expect(said(ts)).toEqual([expect.stringMatching(/^one /u), expect.stringMatching(/^two /u)]);
});

it("in a thread goes to whoever spoke there before", async () => {
  const root = say(parley.ask("four", "begin a thread"));
  await until(() => said(root).length === 1);
  await settled(root);
  say(parley.ask("one", "please join"), root);
  await until(() => said(root).some((text) => text.startsWith("one ")), 30_000);
  const ts = say("fail, please", root);
  await until(() => had(ts).includes("four"), 30_000);
  await settled(ts);
  expect(had(ts)).toEqual(["one", "four"]);
  expect(said(root).at(-1)).toContain("four answers");
});

it.each([
  ["begin: an outage", 2],
  ["refuse: an outage", 1],
])("stays where it is when the agent has said something or refuses: %s", async (text, posts) => {
  const ts = say(text);
  await until(() => said(ts).length === posts, 30_000);
  await settled(ts);
  expect(had(ts)).toEqual(["one"]);
});

it("stays with whoever was asked by name", async () => {
  const ts = say(parley.ask("one", "fail: there is an outage"));
  await until(() => said(ts).length === 1, 30_000);
  await settled(ts);
  expect(had(ts)).toEqual(["one"]);
});

it("goes past an agent that was paused meanwhile", async () => {
  const ts = say("hold, then fail: there is an outage");
  await until(() => had(ts).length === 1);
  const client = { url: parley.url, token: OPERATOR };
  const { status } = await callApi(client, { method: "POST", path: "/api/agents/two/pause" });
  expect(status).toBeLessThan(300);
  letGo();
  await until(() => said(ts).includes("three answers"), 30_000);
  await settled(ts);
  expect(had(ts)).toEqual(["one", "three"]);
});

it("leaves nothing of a message that is deleted after it was handed on", async () => {
  const ts = say("fail: an outage of code hush-4711");
  await until(() => said(ts).length === 2, 30_000);
  await settled(ts);
  const kept = (): Promise<readonly unknown[]> =>
    parley.ledger.query({ text: "select 1 from events where envelope::text like '%hush-4711%'" });
  expect(await kept()).toHaveLength(2);
  parley.slack.people.deleteAs(parley.user, parley.channel, ts);
  await until(async () => (await kept()).length === 0, 60_000);
});

it("is gone with its message: who deleted it is answered by nobody", async () => {
  const ts = say("hold, then fail: a last outage");
  await until(() => had(ts).length === 1);
  parley.slack.people.deleteAs(parley.user, parley.channel, ts);
  await until(
    async () =>
      (
        await parley.ledger.query({ text: "select 1 from messages where message_id = $1 and deleted_at is not null" }, [
          ts,
        ])
      ).length === 1,
  );
  letGo();
  await settled(ts);
  expect(had(ts)).toEqual(["one"]);
});
