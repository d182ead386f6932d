import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { BOT_SCOPES } from "../../../adapters/slack/manifest.ts";
import { loadConfig } from "../../../src/config/load-config.ts";
import { checkPublicUrl } from "../../../src/doctor/address-checks.ts";
import { checkDiscord } from "../../../src/doctor/discord-checks.ts";
import type { Finding } from "../../../src/doctor/finding.ts";
import { checkFolder } from "../../../src/doctor/folder-checks.ts";
import { checkSlack } from "../../../src/doctor/slack-checks.ts";
import { checkStores } from "../../../src/doctor/store-checks.ts";
import { migrate } from "../../../src/ledger/connection/migrate.ts";
import { openDatabase } from "../../../src/ledger/connection/open-database.ts";
import { createDiscordStandIn } from "../../support/discord/index.ts";
import { freePort, startPostgres, startRedis } from "../../support/servers/index.ts";
import { createSlackStandIn } from "../../support/slack/index.ts";

const MIGRATIONS = path.resolve(import.meta.dirname, "../../../src/ledger/migrations");

let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(path.join(tmpdir(), "parley-doctor-"));
});
afterEach(() => rmSync(cwd, { recursive: true, force: true }));

const load = (env: Record<string, string>) => loadConfig({ cwd, env, create: false });
const states = (findings: readonly Finding[]) => Object.fromEntries(findings.map(({ part, state }) => [part, state]));

describe("stores", () => {
  test("a new folder is no fault and stays untouched", async () => {
    const config = await load({});
    expect(states(await checkStores(config))).toEqual({ ledger: "skipped", durability: "warning", queue: "ok" });
    expect(states(await checkFolder(config))).toMatchObject({ "data folder": "ok", "secret key": "skipped" });
  });

  test("PostgreSQL and Redis are asked; pending migrations are told and not applied", async () => {
    const [postgres, redis] = await Promise.all([startPostgres({ fsync: true }), startRedis({ persistence: "aof" })]);
    onTestFinished(async () => void (await Promise.all([postgres.stop(), redis.stop()])));
    const config = await load({ DATABASE_URL: postgres.url, REDIS_URL: redis.url });
    const before = await checkStores(config);
    expect(states(before)).toEqual({ ledger: "ok", migrations: "skipped", queue: "ok" });
    expect(states(await checkStores(config))).toEqual(states(before));
    const database = await openDatabase({ databaseUrl: postgres.url, dataFolder: cwd });
    await migrate(database, MIGRATIONS);
    await database.close();
    expect(states(await checkStores(config))).toEqual({ ledger: "ok", migrations: "ok", queue: "ok" });
  });

  test("servers that are away or unfit are named with the fix", async () => {
    const redis = await startRedis({ maxmemoryPolicy: "allkeys-lru" });
    onTestFinished(() => redis.stop());
    const findings = await checkStores(
      await load({ DATABASE_URL: `postgres://u:hunter22@127.0.0.1:${await freePort()}/x`, REDIS_URL: redis.url }),
    );
    expect(findings).toMatchObject([
      { part: "ledger", state: "failed", fix: "start PostgreSQL, or correct DATABASE_URL" },
      { part: "queue", state: "failed", detail: expect.stringContaining("noeviction") },
    ]);
    expect(JSON.stringify(findings)).not.toContain("hunter22");
  });
});

describe("Slack", () => {
  const slackConfig = async (apiUrl: string, botToken: string, appToken: string) =>
    (await load({ SLACK_API_URL: apiUrl, SLACK_BOT_TOKEN: botToken, SLACK_APP_TOKEN: appToken })).slack;

  async function workspace(scopes: string[]) {
    const slack = await createSlackStandIn();
    onTestFinished(() => slack.close());
    const team = slack.setup.addTeam({ name: "Acme" });
    const app = slack.setup.addApp({ scopes });
    return { slack, app, bot: slack.setup.install(app.appId, team.id) };
  }

  test("good tokens with all scopes are fine, and the clock is compared", async () => {
    const { slack, app, bot } = await workspace([...BOT_SCOPES]);
    const findings = await checkSlack(await slackConfig(slack.apiUrl, bot.botToken, app.appToken), BOT_SCOPES);
    expect(states(findings)).toEqual({ slack: "ok", "slack scopes": "ok", clock: "ok", "slack socket": "ok" });
    expect(findings[0]?.detail).toBe("connected to Acme (socket)");
  });

  test("missing scopes, refused tokens and an absent server are told apart", async () => {
    const { slack, app, bot } = await workspace(BOT_SCOPES.filter((scope) => !scope.startsWith("reactions")));
    const partial = await checkSlack(await slackConfig(slack.apiUrl, bot.botToken, app.appToken), BOT_SCOPES);
    expect(partial).toContainEqual(
      expect.objectContaining({
        part: "slack scopes",
        state: "failed",
        detail: "missing: reactions:read, reactions:write",
      }),
    );
    const refused = await checkSlack(
      await slackConfig(slack.apiUrl, "xoxb-not-a-token-of-it", "xapp-1-not-a-token-of-it"),
      BOT_SCOPES,
    );
    expect(refused).toMatchObject([
      { part: "slack", state: "failed" },
      { part: "clock" },
      { part: "slack socket", state: "failed" },
    ]);
    expect(JSON.stringify(refused)).not.toContain("not-a-token");
    const absent = await checkSlack(
      await slackConfig(`http://127.0.0.1:${await freePort()}/`, bot.botToken, app.appToken),
      BOT_SCOPES,
    );
    expect(states(absent)).toEqual({ slack: "failed", "slack socket": "failed" });
  });

  test("a clock that is far off is a warning", async () => {
    const server = createServer((_request, response) => {
      response.setHeader("date", new Date(Date.now() + 200_000).toUTCString());
      response.end('{"ok":true,"team":"Acme"}');
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => void server.close());
    const address = server.address();
    const port = address !== null && typeof address === "object" ? address.port : 0;
    const findings = await checkSlack(
      await slackConfig(`http://127.0.0.1:${port}/`, "xoxb-1-2-abcdefgh", "xapp-1-2-abcdefgh"),
      BOT_SCOPES,
    );
    expect(findings).toContainEqual(
      expect.objectContaining({
        part: "clock",
        state: "warning",
        detail: expect.stringMatching(/^200 s behind|^199 s behind/),
      }),
    );
  });
});

describe("the public address", () => {
  test("is needed for Slack over HTTP, and must lead here", async () => {
    const env = { SLACK_BOT_TOKEN: "xoxb-1-2-abcdefgh", SLACK_SIGNING_SECRET: "8f14e45fceea167a5a36dedd4bea2543" };
    expect(await checkPublicUrl(await load(env), true)).toMatchObject({
      state: "failed",
      fix: expect.stringContaining("PARLEY_PUBLIC_URL"),
    });
    const elsewhere = createServer((_request, response) => void response.end("{}")).listen(0, "127.0.0.1");
    await once(elsewhere, "listening");
    onTestFinished(() => void elsewhere.close());
    const address = elsewhere.address();
    const port = address !== null && typeof address === "object" ? address.port : 0;
    const config = await load({ ...env, PARLEY_PUBLIC_URL: `http://127.0.0.1:${port}` });
    expect(await checkPublicUrl(config, true)).toMatchObject({
      state: "failed",
      detail: expect.stringContaining("somewhere else"),
    });
    expect(await checkPublicUrl(config, false)).toMatchObject({ state: "skipped" });
  });
});

describe("discord", () => {
  const check = async (env: Record<string, string>) => checkDiscord((await load(env)).discord);

  test("the token, the intents that the settings ask for and the sessions of the day are looked at", async () => {
    const discord = await createDiscordStandIn();
    onTestFinished(() => discord.close());
    const { app } = discord.setup.smallServer({ name: "Parley" });
    const env = { DISCORD_BOT_TOKEN: app.botToken, DISCORD_API_URL: `${discord.apiUrl}/v10` };
    const good = await check(env);
    expect(states(good)).toEqual({ discord: "ok", "discord intents": "ok", "discord sessions": "ok" });
    expect(good[0]?.detail).toContain(`client_id=${app.applicationId}`);
    discord.setup.setPrivilegedIntents(app.applicationId, []);
    expect(states(await check(env))).toMatchObject({ "discord intents": "failed" });
    expect(states(await check({ ...env, DISCORD_MESSAGES: "mentions" }))).toMatchObject({ "discord intents": "ok" });
  });

  test("a refused token and an absent server are told apart, and the token is told to nobody", async () => {
    const discord = await createDiscordStandIn();
    onTestFinished(() => discord.close());
    const refused = await check({ DISCORD_BOT_TOKEN: "no-token-of-it", DISCORD_API_URL: `${discord.apiUrl}/v10` });
    expect(refused).toMatchObject([{ part: "discord", state: "failed", detail: "the bot token is refused" }]);
    const absent = await check({
      DISCORD_BOT_TOKEN: "no-token-of-it",
      DISCORD_API_URL: `http://127.0.0.1:${await freePort()}`,
    });
    expect(absent[0]?.detail).toContain("does not answer as Discord");
    expect(JSON.stringify([refused, absent])).not.toContain("no-token-of-it");
    expect(states(await check({}))).toEqual({ discord: "skipped" });
  });
});
