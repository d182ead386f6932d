import { afterAll, beforeAll, expect, it } from "vitest";
import { approvalActionId } from "../../../adapters/slack/actions.ts";
import { type App, createApp } from "../../../src/app.ts";
import { loadConfig } from "../../../src/config/load-config.ts";
import { RecordingLogger } from "../../support/agents/turn-fixtures.ts";
import { type SlackApp, startSlackApp, type TestAgent, until } from "../../support/app/slack-app.ts";
import { withAgents } from "../../support/app/with-agents.ts";
import { HostileMcpServer } from "../../support/mcp/hostile-server.ts";
import { ModelServer } from "../../support/models/model-server.ts";
import { createTestDatabase } from "../../support/servers/shared-servers.ts";

let parley: SlackApp;
let model: ModelServer;
let mcp: HostileMcpServer;

let databaseUrl = "";
let agents: readonly TestAgent[] = [];
let second: App | undefined;

beforeAll(async () => {
  // The model calls the tool with a word of the question, and then says what the tool gave.
  model = await ModelServer.start((call) => {
    const order = [...call.rawBody.matchAll(/order-[a-z]+/g)].at(-1)?.[0] ?? "";
    const result = /"role":"tool"[^}]*"content":"([^"]*)"/.exec(call.rawBody)?.[1];
    return result === undefined
      ? { kind: "answer", moves: [{ toolCall: { id: `call-${order}`, name: "shop__buy", input: { order } } }] }
      : { kind: "answer", moves: [{ text: `The shop said: ${result}` }] };
  });
  mcp = await HostileMcpServer.start();
  mcp.mischief = { kind: "honest", tools: [{ name: "buy" }], result: "bought it" };
  databaseUrl = await createTestDatabase();
  agents = [
    {
      handle: "buyer",
      name: "Buyer",
      // Shorter than people take: what they take is not the agent's time.
      idleTimeoutMs: 1_500,
      turnTimeoutMs: 6_000,
      connector: {
        kind: "model",
        provider: "openai-compatible",
        baseUrl: model.baseUrl,
        model: "test-model",
        mcpServers: [{ name: "shop", url: mcp.url }],
      },
    },
  ];
  parley = await startSlackApp(agents, { databaseUrl });
}, 60_000);
afterAll(async () => {
  await second?.stop("test");
  await parley.close();
  await Promise.all([model.stop(), mcp.stop()]);
});

const answersTo = (thread: string): string[] =>
  parley.slack.log.posts({ thread, by: "app" }).map((entry) => entry.text ?? "");

/** Asks for the order and resolves with the question that is put about it. */
async function order(word: string): Promise<{ thread: string; question: string; approvalId: string }> {
  const thread = parley.slack.people.postAs(parley.user, parley.channel, parley.ask("buyer", word), {}).ts;
  const question = await until(() => parley.slack.log.posts({ thread, by: "app" })[0]?.ts);
  const approvalId = await until(async () => {
    const rows = await parley.ledger.query<{ action_id: string }>(
      { text: "select action_id from requests where state = 'open' and part::text like '%' || $1 || '%'" },
      [word],
    );
    return rows[0]?.action_id;
  });
  return { thread, question, approvalId };
}

const press = (ts: string, approvalId: string, index: number): Promise<unknown> =>
  parley.slack.gestures.clickButton(parley.user, { channel: parley.channel, ts }, approvalActionId(approvalId, index));

it("makes a call of a model's tool once a person has pressed the button, however long that took", {
  timeout: 60_000,
}, async () => {
  const { thread, question, approvalId } = await order("order-lamps");
  expect(answersTo(thread)[0]).toContain("May I use the tool shop__buy?");
  await new Promise((resolve) => setTimeout(resolve, 7_000));
  expect(mcp.calls).toEqual([]);
  await press(question, approvalId, 0);
  await until(() => answersTo(thread).some((text) => text.includes("The shop said: bought it")));
  expect(mcp.calls).toEqual([{ name: "buy", arguments: { order: "order-lamps" } }]);
});

it("does not make it when a person denies it, and the model says so", { timeout: 60_000 }, async () => {
  const before = mcp.calls.length;
  const { thread, question, approvalId } = await order("order-boats");
  await press(question, approvalId, 1);
  await until(() => answersTo(thread).some((text) => /The shop said: .*denied this call/.test(text)));
  expect(mcp.calls).toHaveLength(before);
});

it("makes it after a restart between the question and the answer, once, and asks nobody again", {
  timeout: 90_000,
}, async () => {
  const before = mcp.calls.length;
  const { thread, question, approvalId } = await order("order-tents");
  await parley.app.stop("test");
  second = await restarted();
  await press(question, approvalId, 0);
  await until(() => answersTo(thread).some((text) => text.includes("The shop said: bought it")), 30_000);
  expect(mcp.calls.slice(before)).toEqual([{ name: "buy", arguments: { order: "order-tents" } }]);
  expect(answersTo(thread).filter((text) => text.includes("May I use the tool"))).toHaveLength(1);
  const [turn] = await parley.ledger.query<{ attempt: number; epoch: number }>(
    { text: "select t.attempt, t.epoch from turns t join requests r on r.turn_id = t.id where r.action_id = $1" },
    [approvalId],
  );
  expect(turn?.epoch).toBeGreaterThan(1);
});

/** The same Parley once more, on the same ledger and in front of the same Slack. */
async function restarted(): Promise<App> {
  const config = await loadConfig({
    cwd: parley.dataFolder,
    env: {
      PARLEY_DATA: parley.dataFolder,
      PARLEY_PORT: "0",
      PARLEY_ALLOW_PRIVATE_AGENTS: "on",
      DATABASE_URL: databaseUrl,
      SLACK_BOT_TOKEN: parley.space.bot.botToken,
      SLACK_SIGNING_SECRET: parley.space.app.signingSecret,
      SLACK_MODE: "http",
      SLACK_API_URL: parley.slack.apiUrl,
      SLACK_PACING: "off",
    },
  });
  const app = await createApp(withAgents(config, agents), new RecordingLogger());
  const { url } = await app.start();
  parley.slack.setup.configureApp(parley.space.app.appId, { requestUrl: `${url}/slack/events` });
  return app;
}
