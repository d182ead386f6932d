import { randomBytes } from "node:crypto";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type App, createApp } from "../../../src/app.ts";
import { loadConfig } from "../../../src/config/load-config.ts";
import type { Logger } from "../../../src/contracts/logger.ts";
import { type SlackApp, startSlackApp, until } from "../../support/app/slack-app.ts";
import { withAgents } from "../../support/app/with-agents.ts";
import { createTestDatabase } from "../../support/servers/shared-servers.ts";
import { createToolAgent } from "./tool-agent.ts";

/** A process that serves /mcp and runs no turns hands calls to the one that does, through the ledger. */

const SECRET_KEY = randomBytes(32).toString("base64");
/** The agent as the process at the door knows it, which never runs it. */
const AGENTS = [{ handle: "worker", name: "Worker", connector: { kind: "function", run: createToolAgent().run } }];
const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silent,
};
let parley: SlackApp;
let door: App;
let doorUrl = "";
const agent = createToolAgent();

beforeAll(async () => {
  const databaseUrl = await createTestDatabase();
  parley = await startSlackApp(
    [{ handle: "worker", name: "Worker", connector: { kind: "function", run: agent.run } }],
    {
      databaseUrl,
      env: { PARLEY_SECRET_KEY: SECRET_KEY },
    },
  );
  const { space, slack, dataFolder } = parley;
  const config = await loadConfig({
    cwd: dataFolder,
    env: {
      PARLEY_DATA: `${dataFolder}/door`,
      PARLEY_PORT: "0",
      PARLEY_ROLES: "ingest",
      PARLEY_SECRET_KEY: SECRET_KEY,
      DATABASE_URL: databaseUrl,
      SLACK_BOT_TOKEN: space.bot.botToken,
      SLACK_SIGNING_SECRET: space.app.signingSecret,
      SLACK_MODE: "http",
      SLACK_API_URL: slack.apiUrl,
    },
  });
  door = await createApp(withAgents(config, AGENTS), silent);
  doorUrl = (await door.start()).url;
});
afterAll(async () => {
  await door.stop("test");
  await parley.close();
});

it("carries calls out in the process that has the turn, and leaves nothing of them behind", async () => {
  const { ts } = parley.slack.people.postAs(parley.user, parley.channel, parley.ask("worker", "\nwait\nsay done"), {});
  const turn = await until(() => agent.seen[0]);
  const token = turn.access?.token ?? "";
  const client = new Client({ name: "test", version: "1" });
  const transport = new StreamableHTTPClientTransport(new URL(`${doorUrl}/mcp`), {
    requestInit: { headers: { authorization: `Bearer ${token}` } },
  });
  await client.connect(transport);
  expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(turn.names);
  const results = await Promise.all(
    ["one", "two", "three"].map((text) => client.callTool({ name: "post", arguments: { text } })),
  );
  expect(results.map(({ isError }) => isError)).toEqual([false, false, false]);
  expect(new Set(parley.slack.log.posts({ thread: ts, by: "app" }).map(({ text }) => text))).toEqual(
    new Set(["one", "two", "three"]),
  );
  const attached = await client.callTool({ name: "attach_file", arguments: { name: "far.txt", text: "from afar" } });
  expect(attached.isError).toBe(false);
  expect(await parley.ledger.query({ text: "select 1 from tool_calls" })).toEqual([]);
  agent.letGo();
  await until(() =>
    JSON.stringify(parley.slack.log.entries.filter(({ kind }) => kind === "file_upload")).includes("far.txt"),
  );
  await client.close();
  const late = await fetch(`${doorUrl}/mcp`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}` },
    body: "{}",
  });
  expect(late.status).toBe(401);
});
