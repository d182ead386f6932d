import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { defineAgent } from "../../../agents/shared/agent-function.ts";
import { type App, createApp } from "../../../src/app.ts";
import { loadConfig } from "../../../src/config/load-config.ts";
import { type Database } from "../../../src/ledger/connection/database.ts";
import { openPostgres } from "../../../src/ledger/connection/postgres.ts";
import { until } from "../../support/app/slack-app.ts";
import { withAgents } from "../../support/app/with-agents.ts";
import { createTestDatabase } from "../../support/servers/shared-servers.ts";
import { createSlackStandIn, type SlackStandIn, type SmallWorkspace } from "../../support/slack/index.ts";

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, child: () => silent };
const asked: string[] = [];
const helper = defineAgent(async function* (request) {
  asked.push(request.trigger.text);
  yield "answer";
});

let slack: SlackStandIn;
let space: SmallWorkspace;
let app: App;
let ledger: Database;
let folder = "";
let databaseUrl = "";
let channel = "";
/** What tells this test's words from those of all others. */
let n = 0;
const people = { member: "", admin: "", guest: "", external: "" };

async function begin(): Promise<void> {
  const env = {
    PARLEY_DATA: folder,
    PARLEY_PORT: "0",
    DATABASE_URL: databaseUrl,
    SLACK_BOT_TOKEN: space.bot.botToken,
    SLACK_SIGNING_SECRET: space.app.signingSecret,
    SLACK_MODE: "http",
    SLACK_API_URL: slack.apiUrl,
    SLACK_PACING: "off",
  };
  const config = await loadConfig({ cwd: folder, env });
  const agents = [
    {
      handle: "helper",
      name: "Helper",
      description: "helps",
      owner: "Olga",
      connector: { kind: "function", run: helper },
    },
  ] as const;
  app = await createApp(withAgents(config, agents), silent);
  const { url } = await app.start();
  slack.setup.configureApp(space.app.appId, { requestUrl: `${url}/slack/events` });
}

beforeAll(async () => {
  slack = await createSlackStandIn({ delivery: { retryScale: 0.001 } });
  space = slack.setup.smallWorkspace({ channels: 1, users: 1, transport: "http" });
  databaseUrl = await createTestDatabase();
  folder = await mkdtemp(join(tmpdir(), "parley-classes-"));
  ledger = await openPostgres({ databaseUrl });
  await begin();
});
afterAll(async () => {
  await app.stop("test");
  await ledger.close();
  await slack.close();
  await rm(folder, { recursive: true, force: true });
});

/** A channel and people of whom Parley has never heard. */
beforeEach(async () => {
  const { setup } = slack;
  const team = space.team.id;
  people.member = setup.addUser(team, { name: "max" });
  people.admin = setup.addUser(team, { name: "ada", isAdmin: true });
  people.guest = setup.addUser(team, { name: "gina", isRestricted: true });
  people.external = setup.addUser(team, { name: "eve", isStranger: true });
  channel = setup.addChannel(team, { isPrivate: true, members: [...Object.values(people), space.bot.botUserId] }).id;
  await ledger.query({ text: "delete from access_rules" });
  await policiesAreRead();
});

async function policiesAreRead(): Promise<void> {
  await ledger.query({ text: "select pg_notify('parley_access', '')" });
  await new Promise((resolve) => setTimeout(resolve, 300));
}

async function rule(subject: string, action: string, effect: "allow" | "deny"): Promise<void> {
  await ledger.query(
    {
      text: `insert into access_rules (id, organization_id, level, installation_id, place_id, subject_kind, subject, action, effect, source, created_by)
        values ($1, 'main', 'organization', '', '', 'class', $2, $3, $4, 'operator', 'test')`,
    },
    [`rule-${subject}-${action}-${effect}`, subject, action, effect],
  );
  await policiesAreRead();
}

/** The first thing that somebody says to the agent, and what was decided about it: the rules, and whether the agent heard of it. */
async function says(person: string): Promise<{ readonly rules: string; readonly heard: boolean }> {
  n += 1;
  const text = `question ${n} of ${person}`;
  slack.people.postAs(person, channel, `<@${space.bot.botUserId}> helper ${text}`);
  const decided = "select decisions::text as rules from events where state <> 'pending' and envelope::text like $1";
  const row = await until(
    async () => (await ledger.query<{ rules: string }>({ text: decided }, [`%${text}%`]))[0],
    40_000,
  );
  const turned = row.rules.includes('"verdict": "turn"');
  if (turned) await until(() => asked.some((heard) => heard.includes(text)));
  return { rules: row.rules, heard: asked.some((heard) => heard.includes(text)) };
}

async function restart(): Promise<void> {
  await app.stop("test");
  await begin();
}

it("decides of everybody's first message by what they are: members, admins and guests are answered, people of other organizations are not", async () => {
  expect(await says(people.member)).toMatchObject({ heard: true });
  expect(await says(people.admin)).toMatchObject({ heard: true });
  expect(await says(people.guest)).toMatchObject({ heard: true });
  expect(await says(people.external)).toMatchObject({
    heard: false,
    rules: expect.stringContaining("sender_class_external"),
  });
});

it.each(["guest", "admin", "member"] as const)(
  "a rule about the class %s holds for its first message",
  async (which) => {
    await rule("external", "start_agent", "allow");
    await rule(which, "start_agent", "deny");
    expect(await says(people[which])).toMatchObject({
      heard: false,
      rules: expect.stringContaining("sender_denied_at_organization"),
    });
    for (const other of Object.keys(people).filter((one) => one !== which))
      expect(await says(people[other as keyof typeof people])).toMatchObject({ heard: true }); // a key of it
  },
);

it("knows guests and people of other organizations after a restart, from their first message on", async () => {
  await rule("guest", "start_agent", "deny");
  for (const who of ["guest", "external"] as const) expect(await says(people[who])).toMatchObject({ heard: false });
  await restart();
  for (const who of ["guest", "external"] as const) expect(await says(people[who])).toMatchObject({ heard: false });
  expect(await says(people.member)).toMatchObject({ heard: true });
});

it("takes nobody for a member while the platform does not say what they are, and answers when it does", async () => {
  await rule("guest", "start_agent", "deny");
  const refused = ["users.info", "users.list", "conversations.members"].map((method) =>
    slack.faults.add({ kind: "status_before", method }),
  );
  await restart();
  expect(await says(people.member)).toMatchObject({
    heard: false,
    rules: expect.stringContaining("sender_class_unknown"),
  });
  for (const id of refused) slack.faults.remove(id);
  await restart();
  expect(await says(people.member)).toMatchObject({ heard: true });
  expect(await says(people.guest)).toMatchObject({ heard: false });
}, 60_000);

/** Types a command and resolves with what only its author sees. */
async function types(person: string, text: string): Promise<string> {
  const before = slack.log.ofKind("response_url").length;
  await slack.gestures.slash(person, channel, "/parley", text);
  return (await until(() => slack.log.ofKind("response_url")[before])).text ?? "";
}

it("lists to everybody the agents that they could ask there, and to members alone whose they are", async () => {
  expect(await types(people.member, "agents")).toContain("@helper (Helper, of Olga): helps");
  const toGuest = await types(people.guest, "agents");
  expect(toGuest).toContain("@helper (Helper): helps");
  expect(toGuest).not.toContain("Olga");
  expect(await types(people.external, "agents")).toBe("There are no agents here that you can ask.");
});

it("lets members invite agents with their first command, and guests and people of other organizations not", async () => {
  expect(await types(people.guest, "invite @helper")).toContain("class_guest");
  expect(await types(people.external, "invite @helper")).toContain("class_external");
  expect(await types(people.member, "invite @helper")).toContain("@helper is a member here");
});
