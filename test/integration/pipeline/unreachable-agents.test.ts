import { afterAll, beforeAll, expect, it } from "vitest";
import { generateWebhookSecret } from "../../../agents/webhook/index.ts";
import { WebhookAgent, type WebhookBehaviour } from "../../support/agents/webhook-agent.ts";
import { callApi } from "../../support/app/call-api.ts";
import { type SlackApp, startSlackApp, type TestAgent, until } from "../../support/app/slack-app.ts";

/** Agents whose address really fails, under a schedule of a few seconds. */
let parley: SlackApp;
const away: WebhookBehaviour = { kind: "respond", status: 503 };
const well: WebhookBehaviour = { kind: "respond", body: JSON.stringify({ text: "Here I am again." }) };
const agents = new Map<string, WebhookAgent>();
const TOKEN = "prl_op_a-token-of-a-test-run-that-opens-nothing-else-0123456789";
const pausesMs = [200, 400, 500, 600];

async function endpoint(handle: string, more: Partial<TestAgent> = {}, retry: object = {}): Promise<TestAgent> {
  const agent = await WebhookAgent.start(() => away);
  agents.set(handle, agent);
  return {
    handle,
    name: handle,
    connector: {
      kind: "webhook",
      url: agent.url,
      secret: generateWebhookSecret(),
      retry: { pausesMs, tellFromMs: 400, disableAfterMs: 60_000, ...retry },
    },
    ...more,
  };
}

beforeAll(async () => {
  parley = await startSlackApp(
    [
      await endpoint("comes"),
      await endpoint("never", { owner: "Ann Owner" }, { disableAfterMs: 1_700 }),
      await endpoint("gone"),
      await endpoint("patient", {}, { pausesMs: [200, 3_600_000], tellFromMs: 1_000, disableAfterMs: 86_400_000 }),
      await endpoint("fails"),
      await endpoint("broken", { owner: "Ann Owner" }, { disableAfterMs: 1_700 }),
      await endpoint("poisoned", {}, { pausesMs: [100, 3_600_000], tellFromMs: 900, disableAfterMs: 86_400_000 }),
      await endpoint("names", {}, { pausesMs: [100, 100], tellFromMs: 900 }),
    ],
    { env: { PARLEY_TOKEN: TOKEN } },
  );
});
afterAll(async () => {
  await parley.close();
  await Promise.all([...agents.values()].map((agent) => agent.stop()));
});

const api = () => ({ url: parley.url, token: TOKEN });
const agentOf = (handle: string): WebhookAgent => agents.get(handle) ?? expect.unreachable(handle);
const post = (text: string): string => parley.slack.people.postAs(parley.user, parley.channel, text).ts;
const answers = (thread: string): string[] =>
  parley.slack.log.posts({ channel: parley.channel, thread, by: "app" }).map((entry) => entry.text ?? "");
const rowOf = async (handle: string) =>
  (
    await parley.ledger.query<{ status: string; status_reason: string | null; failing_since: Date | null }>(
      { text: "select status, status_reason, failing_since from agents where handle = $1" },
      [handle],
    )
  )[0];
const switches = async (): Promise<string[]> =>
  (await parley.ledger.query<{ entries: string }>({ text: "select entries from audit_log" }))
    .flatMap((row) => JSON.parse(row.entries) as { what: string; rule?: string; agent?: string }[]) // written by appendAudit
    .filter((entry) => entry.what === "switch")
    .map((entry) => `${entry.agent}:${entry.rule}`);

it("keeps a question until its agent can be reached, tells people once, and answers then", async () => {
  const agent = agentOf("comes");
  const asked = post(parley.ask("comes", "hello"));
  await until(() => agent.calls.length >= 3);
  await until(() => answers(asked).length === 1);
  expect(answers(asked)[0]).toContain("cannot be reached right now");
  expect((await rowOf("comes"))?.failing_since).not.toBeNull();
  agent.behave = () => well;
  await until(() => answers(asked).length === 2);
  expect(answers(asked)[1]).toContain("Here I am again.");
  expect((await rowOf("comes"))?.failing_since).toBeNull();

  const ids = new Set(agent.calls.map((call) => call.headers["webhook-id"]));
  expect(ids.size).toBe(1);
  const stamps = agent.calls.map((call) => call.headers["webhook-signature"]);
  expect(stamps.every((stamp) => typeof stamp === "string")).toBe(true);
  await until(async () => {
    const [row] = await parley.ledger.query<{ state: string; retries: number }>({
      text: "select t.state, t.retries from turns t join agents a on a.id = t.agent_id where a.handle = 'comes'",
    });
    return row?.state === "answered" && row.retries >= 2;
  });
});

it("pauses an agent that cannot be reached for the whole schedule, and tells its owner once", async () => {
  const agent = agentOf("never");
  const asked = post(parley.ask("never", "hello"));
  await until(async () => (await rowOf("never"))?.status === "paused");
  expect((await rowOf("never"))?.status_reason).toMatch(/^it could not be reached since /);
  expect(agent.calls).toHaveLength(pausesMs.length + 1);
  expect(new Set(agent.calls.map((call) => call.headers["webhook-id"])).size).toBe(1);
  await until(() => answers(asked).length === 3);
  expect(
    answers(asked).filter((text) => text.includes("cannot be reached right now. Your question is kept")),
  ).toHaveLength(1);
  expect(answers(asked).filter((text) => text.includes("To its owner, Ann Owner"))).toHaveLength(1);
  expect(await switches()).toEqual(["never:agent_unreachable"]);
  const listed = await callApi<{ agents: { handle: string }[] }>(api(), { method: "GET", path: "/api/agents" });
  expect(listed.body.agents.find((one) => one.handle === "never")).toMatchObject({
    status: "paused",
    statusReason: expect.stringContaining("could not be reached"),
    statusSince: expect.any(String),
    failingSince: expect.any(String),
  });

  const resumed = await callApi<{ agent: object }>(api(), { method: "POST", path: "/api/agents/never/resume" });
  expect(resumed.body.agent).toMatchObject({ status: "active" });
  expect(resumed.body.agent).not.toHaveProperty("failingSince");
  expect(resumed.body.agent).not.toHaveProperty("statusReason");
  agent.behave = () => well;
  const again = post(parley.ask("never", "and now?"));
  await until(() => answers(again).length === 1);
  expect(answers(again)[0]).toContain("Here I am again.");
});

it("pauses an agent whose address is gone at once", async () => {
  const agent = agentOf("gone");
  agent.behave = () => ({ kind: "respond", status: 410 });
  const asked = post(parley.ask("gone", "hello"));
  await until(async () => (await rowOf("gone"))?.status === "paused");
  await until(() => answers(asked).length === 2);
  expect(agent.calls).toHaveLength(1);
  expect((await rowOf("gone"))?.status_reason).toContain("gone for good");
});

it("tells an owner in a direct message, which is opened where there is none, else alone where the agent was asked", async () => {
  const { slack, user, space } = parley;
  for (const [handle, owner] of [
    ["owned", user],
    ["owned-too", user],
    ["shut", user],
  ] as const) {
    await callApi(api(), { method: "POST", path: "/api/agents", body: await endpoint(handle, { owner }) });
    agentOf(handle).behave = () => ({ kind: "respond", status: 410 });
  }
  const paused = (handle: string) =>
    slack.log.posts({ by: "app" }).filter((entry) => entry.text?.includes(`@${handle}) is paused`) === true);
  slack.faults.add({ kind: "refused", method: "conversations.open", error: "missing_scope", times: 1 });
  const refused = post(parley.ask("shut", "hello"));
  const isShown = (text = ""): boolean => text.includes("@shut) is paused");
  await until(() => slack.log.ofKind("ephemeral").some((entry) => isShown(entry.text)));
  await until(() => answers(refused).length === 1);
  expect(answers(refused).some(isShown)).toBe(false);

  const known = { text: "select id from conversations where path->'channel'->>'kind' = 'direct'" };
  expect(await parley.ledger.query(known)).toEqual([]);
  const asked = post(parley.ask("owned", "hello"));
  await until(() => paused("owned").length === 1);
  const direct = slack.core.world.directChannel([user, space.bot.botUserId])?.id;
  expect(paused("owned")[0]?.channel).toBe(direct);
  await until(() => answers(asked).length === 1);
  expect(answers(asked)[0]).not.toContain("is paused");

  const again = post(parley.ask("owned-too", "hello"));
  await until(() => answers(again).length === 1);
  await until(() => paused("owned-too").length === 1);
  expect(paused("owned-too")[0]?.channel).toBe(direct);
});

it("tries what waits as soon as the agent is reached by another question", async () => {
  const agent = agentOf("patient");
  const first = post(parley.ask("patient", "one"));
  await until(() => agent.calls.length === 2);
  await until(() => answers(first).length === 1);
  agent.behave = () => well;
  const second = post(parley.ask("patient", "two"));
  await until(() => answers(second).length === 1);
  await until(() => answers(first).length === 2);
  expect(answers(first)[1]).toContain("Here I am again.");
});

it("waits as long as the address asks for", async () => {
  const agent = agentOf("names");
  agent.behave = () =>
    agent.calls.length === 1 ? { kind: "respond", status: 429, headers: { "retry-after": "1" } } : well;
  const startedAtMs = performance.now();
  const asked = post(parley.ask("names", "hello"));
  await until(() => answers(asked).length === 2);
  expect(performance.now() - startedAtMs).toBeGreaterThanOrEqual(1_000);
  expect(answers(asked)[0]).toContain("cannot be reached right now");
});

it.each([500, 502, 503, 504, 429])(
  "tries a question again that was answered with %i, and answers it once",
  async (status) => {
    const agent = agentOf("fails");
    const before = agent.calls.length;
    agent.behave = () => (agent.calls.length - before <= 2 ? { kind: "respond", status } : well);
    const asked = post(parley.ask("fails", `hello ${status}`));
    await until(() => answers(asked).some((text) => text.includes("Here I am again.")));
    const calls = agent.calls.slice(before);
    expect(calls).toHaveLength(3);
    expect(new Set(calls.map((call) => call.headers["webhook-id"])).size).toBe(1);
    await until(async () => (await rowOf("fails"))?.failing_since === null);
    expect(answers(asked).filter((text) => text.includes("Here I am again."))).toHaveLength(1);
  },
);

it("pauses an agent that answers with errors alone, and tells its owner", async () => {
  const agent = agentOf("broken");
  agent.behave = () => ({ kind: "respond", status: 500 });
  const asked = post(parley.ask("broken", "hello"));
  await until(async () => (await rowOf("broken"))?.status === "paused");
  expect((await rowOf("broken"))?.status_reason).toMatch(/^it has answered with errors alone since /);
  expect(agent.calls).toHaveLength(pausesMs.length + 1);
  await until(() => answers(asked).filter((text) => text.includes("To its owner, Ann Owner")).length === 1);
});

it("lets a question that its agent fails at hold nobody else up", async () => {
  const { slack, user, space } = parley;
  const { id: direct } = slack.setup.openDirect(space.team.id, [user, space.bot.botUserId]);
  const posts = () => slack.log.posts({ channel: direct, by: "app" });
  const before = posts().length;
  const said = (): string[] =>
    posts()
      .slice(before)
      .map((entry) => entry.text ?? "");
  const agent = agentOf("poisoned");
  agent.behave = (call) => (call.rawBody.includes("the poison") ? { kind: "respond", status: 500 } : well);
  slack.people.postAs(user, direct, parley.ask("poisoned", "the poison"));
  await until(() => said().some((text) => text.includes("failed to answer just now")));
  expect(agent.calls).toHaveLength(2);
  agent.behave = () => well;
  slack.people.postAs(user, direct, parley.ask("poisoned", "and you?"));
  await until(() => said().some((text) => text.includes("Here I am again.")));
  // That it answers others is no reason to give it the one that it failed at before its time.
  expect(agent.calls).toHaveLength(3);
});
