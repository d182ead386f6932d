import { afterAll, beforeAll, expect, it } from "vitest";
import { WebhookAgent } from "../../support/agents/webhook-agent.ts";
import { callApi } from "../../support/app/call-api.ts";
import { type SlackApp, startSlackApp, until } from "../../support/app/slack-app.ts";

/** What is removed says nothing more, and leaves nothing to an agent of the same handle. */
const OPERATOR = "prl_op_uQ7cVn3xK9wRt5Zb2mLd8Hs4Jf6Pg1Ya";
let parley: SlackApp;
let agent: WebhookAgent;
let letGo: () => void = () => undefined;

beforeAll(async () => {
  agent = await WebhookAgent.start(() => ({
    kind: "stream",
    as: "ndjson",
    events: [
      { type: "text_delta", markdown: "half " },
      { type: "text_delta", markdown: "and whole" },
      { type: "done", stopReason: "end" },
    ],
    gate: () =>
      new Promise<void>((resolve) => {
        letGo = resolve;
      }),
  }));
  parley = await startSlackApp([], { env: { PARLEY_TOKEN: OPERATOR } });
});
afterAll(async () => {
  letGo();
  await parley.close();
  await agent.stop();
});

const api = (method: "POST" | "DELETE", path: string, body?: unknown) =>
  callApi({ url: parley.url, token: OPERATOR }, { method, path, ...(body === undefined ? {} : { body }) });
const add = () =>
  api("POST", "/api/agents", { handle: "gone", name: "Gone", connector: { kind: "webhook", url: agent.url } });
const ask = (text: string, thread?: string): string =>
  parley.slack.people.postAs(
    parley.user,
    parley.channel,
    parley.ask("gone", text),
    thread === undefined ? {} : { threadTs: thread },
  ).ts;

async function turnsOf(): Promise<readonly { state: string; state_reason: string | null }[]> {
  return await parley.ledger.query({ text: "select state, state_reason from turns order by order_no" });
}

it("ends what it runs, queues and will do later, and posts nothing of it", async () => {
  expect((await add()).status).toBe(201);
  const ts = ask("begin");
  await until(() => agent.calls.length > 0);
  ask("and then this", ts);
  await until(async () => (await turnsOf()).length === 2);
  await parley.ledger.query({
    text: `insert into schedules (id, organization_id, agent_id, conversation_id, requested_by, requested_by_name, task, due_at)
      select 'h_later', t.organization_id, t.agent_id, t.reply_conversation_id, 'u', 'U', 'later', now() + interval '1 hour' from turns t limit 1`,
  });
  expect((await api("DELETE", "/api/agents/gone")).status).toBe(204);
  letGo();
  const ended = await until(async () => {
    const turns = await turnsOf();
    return turns.every(({ state }) => state === "cancelled") ? turns : undefined;
  });
  expect(ended.map(({ state_reason }) => state_reason)).toEqual(["agent_removed", "agent_removed"]);
  const [schedule] = await parley.ledger.query<{ state: string }>({ text: "select state from schedules" });
  expect(schedule?.state).toBe("cancelled");
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  const posted = parley.slack.log.posts({ channel: parley.channel, by: "app" });
  expect(posted.filter(({ text }) => text?.includes("whole"))).toEqual([]);
  const [told] = await parley.ledger.query<{ entries: string }>({
    text: "select entries from audit_log where entries like '%agent_removed%'",
  });
  expect(told?.entries).toContain("gone");
});

it("says on the message of its open question that it is over", async () => {
  const asks = await WebhookAgent.start(() => ({
    kind: "stream",
    as: "ndjson",
    events: [
      {
        type: "part",
        part: {
          type: "approval_request",
          approvalId: "go",
          prompt: "Shall I?",
          options: [{ id: "y", label: "Yes", effect: "allow" }],
        },
      },
      { type: "done", stopReason: "end" },
    ],
  }));
  const connector = { kind: "webhook", url: asks.url };
  expect((await api("POST", "/api/agents", { handle: "gone", name: "Gone", connector })).status).toBe(201);
  ask("ask me");
  const question = await until(() =>
    parley.slack.log.posts({ channel: parley.channel, by: "app" }).find(({ text }) => text?.includes("Shall I?")),
  );
  expect((await api("DELETE", "/api/agents/gone")).status).toBe(204);
  await until(() =>
    parley.slack.log
      .ofKind("update", { channel: parley.channel })
      .some((entry) => entry.ts === question.ts && JSON.stringify(entry).includes("Called off")),
  );
  await asks.stop();
});

it("leaves nothing to an agent of the same handle that is added later", async () => {
  const before = agent.calls.length;
  expect((await add()).status).toBe(201);
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  expect(agent.calls.length).toBe(before);
  ask("hello again");
  await until(() => agent.calls.length === before + 1);
  expect(agent.calls.at(-1)?.rawBody).toContain("hello again");
});
