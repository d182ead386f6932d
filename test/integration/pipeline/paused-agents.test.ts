import { afterAll, beforeAll, expect, it } from "vitest";
import { defineAgent } from "../../../agents/shared/agent-function.ts";
import { callApi } from "../../support/app/call-api.ts";
import { type SlackApp, startSlackApp, until } from "../../support/app/slack-app.ts";

/** Whoever asks a paused agent hears that it is paused: alone, once per conversation and pause. */
let parley: SlackApp;
const TOKEN = "prl_op_a-token-of-a-test-run-that-opens-nothing-else-0123456789";
const answering = (text: string) => ({ kind: "function" as const, run: defineAgent(() => text) });

beforeAll(async () => {
  parley = await startSlackApp(
    [
      { handle: "coder", name: "Coder", connector: answering("coded") },
      { handle: "lead", name: "Lead", connector: answering("led") },
      {
        handle: "watcher",
        name: "W",
        connector: answering("seen"),
        subscriptions: [{ pattern: "deploy", channels: ["*"] }],
      },
    ],
    { env: { PARLEY_TOKEN: TOKEN } },
  );
});
afterAll(() => parley.close());

const api = async <T>(method: string, path: string): Promise<T> => {
  const { status, body } = await callApi<T>({ url: parley.url, token: TOKEN }, { method, path });
  expect(status).toBeLessThan(300);
  return body;
};
const post = (text: string, user = parley.user, channel = parley.channel): string =>
  parley.slack.people.postAs(user, channel, text).ts;
const told = (): { user: unknown; channel: unknown; text: string }[] =>
  parley.slack.log
    .ofKind("ephemeral")
    .map(({ channel, text, detail }) => ({ user: detail?.["user"], channel, text: text ?? "" }));
const explained = async (ts: string, channel = parley.channel) => {
  const reference = `https://acme.slack.com/archives/${channel}/p${ts.replace(".", "")}`;
  return await until(async () => {
    const found = await callApi<{ state: string; stateReason?: string; steps: { agent?: string; rule: string }[] }>(
      { url: parley.url, token: TOKEN },
      { method: "GET", path: `/api/explain/${encodeURIComponent(reference)}` },
    );
    return found.status === 200 && !["pending", "routed"].includes(found.body.state) ? found.body : undefined;
  });
};

it("who asks is told alone, once per conversation, person and pause, and the explanation names the rule", async () => {
  await api("POST", "/api/agents/coder/pause");
  const asked = post(parley.ask("coder", "hello"));
  await until(() => told().length === 1);
  expect(told()[0]).toMatchObject({ user: parley.user, channel: parley.channel });
  expect(told()[0]?.text).toContain("Coder (@coder) is paused");
  const explanation = await explained(asked);
  expect(explanation).toMatchObject({ state: "dropped", stateReason: "agent_paused" });
  expect(explanation.steps).toContainEqual(expect.objectContaining({ agent: "coder", rule: "agent_paused" }));
  expect(explanation.steps).toContainEqual(expect.objectContaining({ agent: "lead", rule: "not_addressed" }));

  const again = post(parley.ask("coder", "hello?"));
  expect((await explained(again)).stateReason).toBe("agent_paused");
  const [, other = "", second = ""] = [parley.user, parley.space.users[1], parley.space.channels[1]];
  post(parley.ask("coder", "and me?"), other);
  await until(() => told().length === 2);
  expect(told()[1]).toMatchObject({ user: other, channel: parley.channel });
  post(parley.ask("coder", "here?"), parley.user, second);
  await until(() => told().length === 3);
  expect(told()[2]).toMatchObject({ user: parley.user, channel: second });

  await api("POST", "/api/agents/coder/resume");
  const resumed = post(parley.ask("coder", "and now?"));
  await until(() => parley.slack.log.posts({ channel: parley.channel, thread: resumed, by: "app" }).length === 1);
  await api("POST", "/api/agents/coder/pause");
  post(parley.ask("coder", "gone again?"));
  await until(() => told().length === 4);
});

it("what names nobody, and what nobody asks, tells nobody; another agent that is asked too answers", async () => {
  await api("POST", "/api/agents/watcher/pause");
  const before = told().length;
  const heard = post("the deploy failed");
  const explanation = await explained(heard);
  expect(explanation.steps).toContainEqual(expect.objectContaining({ agent: "coder", rule: "not_addressed" }));
  expect(explanation.steps).toContainEqual(expect.objectContaining({ agent: "watcher", rule: "agent_paused" }));
  const third = parley.space.channels[2] ?? "";
  const both = post(`${parley.ask("coder", "and")} @lead both of you`, parley.user, third);
  await until(() => parley.slack.log.posts({ channel: third, thread: both, by: "app" }).length === 1);
  await until(() => told().length === before + 1);
  expect(told().at(-1)).toMatchObject({ channel: third });
});

it("a command is answered each time", async () => {
  const { slack, user, channel } = parley;
  for (const time of [1, 2]) {
    await slack.gestures.slash(user, channel, "/parley", "ask @coder are you there?");
    await until(() => slack.log.ofKind("response_url").length === time);
    expect(slack.log.ofKind("response_url").at(-1)?.text).toContain("Coder (@coder) is paused");
  }
});

it("in a direct message, and where it cannot be shown to one person alone, it is said in the open, once", async () => {
  const { slack, user } = parley;
  const hello = slack.people.directMessageAs(user, "@coder hello");
  await until(() => slack.log.posts({ channel: hello.channel, by: "app" }).length === 1);
  expect(slack.log.posts({ channel: hello.channel, by: "app" })[0]?.text).toContain("Coder (@coder) is paused");
  await api("POST", "/api/agents/coder/resume");
  await api("POST", "/api/agents/coder/pause");
  const fault = slack.faults.add({ kind: "refused", method: "chat.postEphemeral", error: "user_not_in_channel" });
  const before = told().length;
  const asked = post(parley.ask("coder", "hello"));
  await until(() => slack.log.posts({ channel: parley.channel, thread: asked, by: "app" }).length === 1);
  slack.faults.remove(fault);
  const again = post(parley.ask("coder", "hello?"));
  await explained(again);
  const other = post(parley.ask("lead", "are you there?"));
  await until(() => slack.log.posts({ channel: parley.channel, thread: other, by: "app" }).length === 1);
  expect(slack.log.posts({ channel: parley.channel, thread: again, by: "app" })).toEqual([]);
  expect(told()).toHaveLength(before);
});
