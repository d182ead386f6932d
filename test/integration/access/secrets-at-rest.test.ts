import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { Redis } from "ioredis";
import { expect, it, onTestFinished } from "vitest";
import { openDatabase } from "../../../src/ledger/connection/open-database.ts";
import { DialInAgent } from "../../support/agents/dial-in-agent.ts";
import { callApi } from "../../support/app/call-api.ts";
import { until } from "../../support/app/slack-app.ts";
import { createRunFolder, startParley } from "../../support/parley/index.ts";
import { freePort, startRedis } from "../../support/servers/index.ts";
import { createTestDatabase } from "../../support/servers/shared-servers.ts";
import { createSlackStandIn } from "../../support/slack/index.ts";
import { WebClient } from "../../support/web/web-client.ts";

const OPERATOR = "prl_op_uQ7cVn3xK9wRt5Zb2mLd8Hs4Jf6Pg1Ya";
const SEALING = "kW8rTz3Qm6Xb1Vn9Lc4Hd7Sf2Gj5Pa0YeUuRi";
const TEXT = "words-that-stay-in-the-ledger-alone";

interface Made {
  readonly secret: string;
  readonly token: { readonly id: string };
}

/** Security rule R30 on a whole deployment: what lies in its stores, its files and its logs after it has done its work. */
it("R30: no secret stands in database, queue, logs or files, in any spelling", { timeout: 240_000 }, async () => {
  const slack = await createSlackStandIn({ delivery: { retryScale: 0.01 } });
  onTestFinished(() => slack.close());
  const space = slack.setup.smallWorkspace({ channels: 1, users: 1, transport: "http" });
  const folder = await createRunFolder({
    agents: [{ handle: "caller", name: "Caller", connector: { kind: "socket" }, historyMessages: 0 }],
  });
  onTestFinished(() => folder.remove());
  const redis = await startRedis({ persistence: "aof" });
  onTestFinished(() => redis.stop());
  const heard: string[] = [];
  const looker = new Redis(redis.url);
  looker.on("error", () => undefined);
  const monitor = await looker.monitor();
  monitor.on("monitor", (_time: string, words: readonly string[]) => heard.push(words.join(" ")));
  monitor.on("error", () => undefined);
  onTestFinished(() => {
    monitor.disconnect();
    looker.disconnect();
  });
  const databaseUrl = await createTestDatabase();
  const parley = await startParley({
    folder,
    databaseUrl,
    redisUrl: redis.url,
    slack: { apiUrl: slack.apiUrl, botToken: space.bot.botToken, signingSecret: space.app.signingSecret },
    env: { PARLEY_TOKEN: OPERATOR, PARLEY_SECRET_KEY: SEALING, PARLEY_LOG_LEVEL: "trace" },
  });
  onTestFinished(() => parley.kill9());
  slack.setup.configureApp(space.app.appId, { requestUrl: `${parley.url}/slack/events` });
  const operator = { url: parley.url, token: OPERATOR };
  const post = async <T>(path: string, body?: unknown): Promise<T> =>
    await callApi<T>(operator, { method: "POST", path, ...(body === undefined ? {} : { body }) }).then((answer) => {
      if (answer.status >= 300) throw new Error(`${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
      return answer.body;
    });

  const secrets = new Map<string, string>([
    ["the operator's token", OPERATOR],
    ["the key that seals", SEALING],
    ["Slack's bot token", space.bot.botToken],
    ["Slack's signing secret", space.app.signingSecret],
  ]);
  const remote = await post<{ secret: string }>("/api/agents", {
    handle: "remote",
    name: "Remote",
    connector: { kind: "webhook", url: `http://127.0.0.1:${await freePort()}/agent` },
  });
  secrets.set("a webhook's secret", remote.secret);
  const dialIn = (await post<{ secret: string }>("/api/agents/caller/token")).secret;
  secrets.set("a dial-in token", dialIn);
  const made = await post<Made>("/api/tokens", { name: "reader", scopes: ["read"] });
  secrets.set("an API token", made.secret);
  const { link } = await post<{ link: string }>("/api/sign-in-links");
  secrets.set("a sign-in code", new URLSearchParams(new URL(link).hash.slice(1)).get("code") ?? "");
  const client = new WebClient(parley.url);
  await client.signIn(link);
  secrets.set("a session", client.cookie?.split("=")[1] ?? "");

  const agent = await DialInAgent.dial(parley.url, {
    token: dialIn,
    onTurn: (start, on) => on.answer(start, `heard ${TEXT}`),
  });
  onTestFinished(() => agent.drop());
  const [channel = "", user = ""] = [space.channels[0], space.users[0]];
  const ask = (handle: string): unknown =>
    slack.people.postAs(user, channel, `<@${space.bot.botUserId}> ${handle} ${TEXT}`);
  ask("caller");
  ask("echo");
  ask("remote");
  // What is refused, fails and is taken back says something too.
  for (const secret of secrets.values()) {
    await callApi({ url: parley.url, token: secret }, { method: "GET", path: "/api/agents" }).catch(() => undefined);
    await fetch(`${parley.url}/api/replies/${encodeURIComponent(secret)}`, { method: "POST", body: secret });
    await fetch(`${parley.url}/slack/events`, {
      method: "POST",
      headers: { "x-slack-signature": secret },
      body: secret,
    });
  }
  await callApi(operator, { method: "DELETE", path: `/api/tokens/${made.token.id}` });
  const database = await openDatabase({ dataFolder: "unused", databaseUrl });
  onTestFinished(() => database.close());
  const tried =
    "select 1 from turns t join agents a on a.id = t.agent_id where a.handle = 'remote' and (t.retries > 0 or t.attempt > 1 or t.finished_at is not null)";
  await until(async () => slack.log.posts({ channel, by: "app" }).length >= 2, 60_000);
  await until(async () => (await database.query({ text: tried })).length > 0, 30_000);
  await parley.stop();

  const places = new Map<string, string>([["Redis", heard.join("\n")]]);
  const tables = await database.query<{ schema: string; name: string }>({
    text: `select table_schema as schema, table_name as name from information_schema.tables
      where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema')`,
  });
  for (const { schema, name } of tables) {
    const rows = await database.query<{ row: string }>({ text: `select t::text as row from "${schema}"."${name}" t` });
    places.set(`table ${name}`, rows.map(({ row }) => row).join("\n"));
  }
  for (const path of await filesBelow(folder.path)) places.set(path, await readFile(path, "latin1"));
  const found = [...places].flatMap(([place, content]) =>
    [...secrets].flatMap(([name, secret]) =>
      spellings(secret).flatMap((spelled) => (content.includes(spelled) ? [`${name} in ${place}`] : [])),
    ),
  );
  expect([...new Set(found)]).toEqual([]);
  for (const [name, secret] of secrets) expect([name, secret.length >= 20]).toEqual([name, true]);
  // The look itself finds what is there: words in the ledger, the agent's handle in the log, bells in Redis.
  const all = (prefix: string): string =>
    [...places].flatMap(([place, content]) => (place.startsWith(prefix) ? content : [])).join("\n");
  expect(all("table ")).toContain(TEXT);
  expect(all("table ").length).toBeGreaterThan(10_000);
  expect(all(folder.path)).toContain('"level":"debug"');
  expect(all("Redis")).toMatch(/bull/i);
});

async function filesBelow(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true });
  const paths = entries.map((entry) => join(folder, entry));
  const isFile = await Promise.all(paths.map(async (path) => (await stat(path)).isFile()));
  return paths.filter((_, index) => isFile[index]);
}

/** As it is, and as a column, a dump or a URL would spell it. */
function spellings(secret: string): readonly string[] {
  const bytes = Buffer.from(secret);
  // Without the last sign, which depends on what follows.
  return [
    secret,
    bytes.toString("hex"),
    bytes.toString("base64").slice(0, -4),
    bytes.toString("base64url").slice(0, -2),
  ];
}
