import { describe, expect, onTestFinished, test } from "vitest";
import { API_SCOPES } from "../../../src/contracts/api-token.ts";
import type { Database } from "../../../src/ledger/connection/database.ts";
import { openDatabase } from "../../../src/ledger/connection/open-database.ts";
import { createDeployment, type Deployment, type OrganizationsApp } from "../../support/app/organizations-app.ts";
import { WebClient } from "../../support/web/web-client.ts";

/** Two organizations with an agent of the same handle each, which say whose they are. */
const CONFIG = `
const echo = (name) => ({
  handle: "echo", name, connector: { kind: "function", run: async () => "I am " + name },
});
export default {
  organizationId: "alpha",
  agents: [echo("alpha's echo")],
  slack: { mode: "http", botToken: "xoxb-alpha-1111111111-aaaaaaaaaaaaaaaaaaaaaaaa", signingSecret: "5d41402abc4b2a76b9719d911017c592", apiUrl: "http://127.0.0.1:9/api/" },
  organizations: [
    {
      id: "beta", name: "Beta Ltd", agents: [echo("beta's echo")],
      slack: { mode: "http", botToken: "xoxb-beta-22222222222-bbbbbbbbbbbbbbbbbbbbbbbb", signingSecret: "7b52009b64fd0a2a49e6d8a939753077", apiUrl: "http://127.0.0.1:9/api/" },
    },
  ],
};
`;
const CANARY = "canary-8d20c1f7e4";

async function open(deployment: Deployment): Promise<Database> {
  const database = await openDatabase({ dataFolder: "unused", databaseUrl: deployment.databaseUrl });
  onTestFinished(() => database.close());
  return database;
}

async function token(app: OrganizationsApp, organization: string): Promise<{ id: string; secret: string }> {
  const { body } = await app.call("POST", "/api/tokens", { organization, json: { name: "all", scopes: API_SCOPES } });
  const { token: made, secret } = body as { token: { id: string }; secret: string }; // as the API's schema says
  return { id: made.id, secret };
}

interface Room {
  readonly id: string;
  readonly name: string;
}

async function signIn(
  app: OrganizationsApp,
  organization: string,
): Promise<{ client: WebClient; general: Room; personId: string }> {
  const client = new WebClient(app.url);
  const me = await client.signIn(await app.ownerLink(organization));
  expect(me.organizationId).toBe(organization);
  const { rooms } = await client.ok<{ rooms: Room[] }>("GET", "/rooms");
  const general = rooms.find((room) => room.name === "general");
  if (general === undefined) throw new Error("there is no room general");
  return { client, general, personId: me.person.id };
}

/** Posts to an agent and waits until its answer is in the room; gives all that is said there. */
async function ask(client: WebClient, room: Room): Promise<{ texts: string[]; ids: string[] }> {
  await client.ok("POST", `/rooms/${room.id}/messages`, { clientMessageId: `m-${CANARY}`, text: `@echo ${CANARY}` });
  let seen: { id: string; text: string }[] = [];
  await expect
    .poll(
      async () => {
        seen = (await client.ok<{ posts: { id: string; text: string }[] }>("GET", `/rooms/${room.id}/messages`)).posts;
        return seen.map((post) => post.text).join();
      },
      { timeout: 30_000 },
    )
    .toMatch(/I am/);
  return { texts: seen.map((post) => post.text), ids: seen.map((post) => post.id) };
}

describe("two organizations in one deployment", () => {
  test("have people, rooms and agents of their own, and each asks its own agent", async () => {
    const deployment = await createDeployment(CONFIG);
    const app = await deployment.process();
    const alpha = await signIn(app, "alpha");
    const beta = await signIn(app, "beta");
    expect(alpha.general.id).not.toBe(beta.general.id);
    expect((await ask(alpha.client, alpha.general)).texts.at(-1)).toBe("I am alpha's echo");
    expect((await ask(beta.client, beta.general)).texts.at(-1)).toBe("I am beta's echo");
    const people = await beta.client.ok<{ people: { id: string }[] }>("GET", "/people");
    expect(people.people.map(({ id }) => id)).toEqual([beta.personId]);
    // Removed in one, it goes on in the other.
    expect((await app.call("POST", "/api/agents/echo/pause", { organization: "alpha" })).status).toBe(200);
    const agents = (await app.call("GET", "/api/agents", { organization: "beta" })).body as {
      agents: { handle: string; status: string; name: string }[];
    };
    expect(agents.agents.find(({ handle }) => handle === "echo")).toMatchObject({
      status: "active",
      name: "beta's echo",
    });
  });

  test("with a token of the one, everything of the other is not there, and nothing of it is seen or changed", async () => {
    const deployment = await createDeployment(CONFIG);
    const app = await deployment.process();
    const database = await open(deployment);
    const alpha = await signIn(app, "alpha");
    const said = await ask(alpha.client, alpha.general);
    const alphaToken = await token(app, "alpha");
    const beta = await token(app, "beta");
    await app.call("POST", "/api/agents", {
      organization: "alpha",
      json: {
        handle: "secret",
        name: "Alpha only",
        connector: { kind: "webhook", url: "https://agents.example.org/" },
      },
    });
    await database.query(
      {
        text: "insert into dead_letters (id, organization_id, stage, code, reason, raw, dedupe_key) values ('dl_alpha', 'alpha', 'ingest', 'PAYLOAD_MALFORMED', $1, $1, 'alpha')",
      },
      [CANARY],
    );
    const rows = async (column: string, table: string): Promise<string[]> =>
      (
        await database.query<{ id: string }>({
          text: `select ${column} as id from ${table} where organization_id = 'alpha'`,
        })
      ).map(({ id }) => id);
    const [events, turns, conversations, rules] = [
      await rows("id", "events"),
      await rows("id", "turns"),
      await rows("id", "conversations"),
      await rows("id", "access_rules"),
    ];
    expect(Math.min(events.length, turns.length, conversations.length)).toBeGreaterThan(0);
    const [conversation = ""] = conversations;
    const before = await database.query({
      text: "select (select count(*) from turns) as turns, (select count(*) from deliveries) as deliveries, (select string_agg(status, ',' order by id) from agents where organization_id = 'alpha') as agents, (select count(*) from api_tokens where revoked_at is null) as tokens",
    });

    const calls: [string, string, unknown?][] = [
      ...[...events, ...turns, ...said.ids].map((id): [string, string] => [
        "GET",
        `/api/explain/${encodeURIComponent(id)}`,
      ]),
      ["GET", "/api/dead-letters/dl_alpha"],
      ["POST", "/api/dead-letters/dl_alpha/replay"],
      ["POST", "/api/dead-letters/dl_alpha/discard"],
      ...conversations.map((conversationId): [string, string, unknown] => ["POST", "/api/stop", { conversationId }]),
      ["POST", "/api/send", { agent: "echo", to: conversation, text: "hi" }],
      ["POST", "/api/send", { agent: "secret", to: "web:general", text: "hi" }],
      ["DELETE", "/api/agents/secret"],
      ["POST", "/api/agents/secret/pause"],
      ["POST", "/api/agents/secret/check"],
      ["POST", "/api/agents/secret/stop", { reason: "x" }],
      ["POST", "/api/agents/secret/resume"],
      ["DELETE", `/api/tokens/${alphaToken.id}`],
      ["POST", `/api/tokens/${alphaToken.id}/rotate`],
      ...rules.map((id): [string, string] => ["DELETE", `/api/access/rules/${id}`]),
    ];
    const outcomes: Record<string, number> = {};
    for (const [method, path, json] of calls) {
      const { status, body } = await app.call(method, path, {
        token: beta.secret,
        ...(json === undefined ? {} : { json }),
      });
      outcomes[`${method} ${path} ${JSON.stringify(json) ?? ""}`] = status;
      expect(JSON.stringify(body)).not.toContain(CANARY);
    }
    expect(Object.entries(outcomes).filter(([, status]) => status !== 404)).toEqual([]);
    for (const path of [
      "/api/agents",
      "/api/dead-letters",
      "/api/status",
      "/api/tokens",
      "/api/access",
      "/api/audit/export",
      "/api/organization",
    ]) {
      const { status, body } = await app.call("GET", path, { token: beta.secret });
      const text = JSON.stringify(body);
      expect(status).toBe(200);
      for (const foreign of [CANARY, "alpha", "Alpha only", alphaToken.id, ...conversations])
        expect(text).not.toContain(foreign);
    }
    // What counts for all organizations is for those of the deployment; another organization is reached by no header.
    expect((await app.call("GET", "/metrics", { token: beta.secret })).status).toBe(404);
    for (const organization of ["alpha", "gamma", "ALPHA", ""])
      expect((await app.call("GET", "/api/agents", { token: beta.secret, organization })).status).toBe(404);
    expect((await app.call("GET", "/api/agents", { organization: "gamma" })).status).toBe(404);
    expect(
      await database.query({
        text: "select (select count(*) from turns) as turns, (select count(*) from deliveries) as deliveries, (select string_agg(status, ',' order by id) from agents where organization_id = 'alpha') as agents, (select count(*) from api_tokens where revoked_at is null) as tokens",
      }),
    ).toEqual(before);
  });

  test("with a session of the one, rooms, messages, people and files of the other are not there", async () => {
    const deployment = await createDeployment(CONFIG);
    const app = await deployment.process();
    const alpha = await signIn(app, "alpha");
    const beta = await signIn(app, "beta");
    const { ids } = await ask(alpha.client, alpha.general);
    const upload = await alpha.client.upload(`/rooms/${alpha.general.id}/uploads`, {
      name: "a.txt",
      type: "text/plain",
      bytes: new TextEncoder().encode(CANARY),
    });
    const uploadId = (upload.body as { id: string }).id; // as the protocol says
    const room = alpha.general.id;
    const [post = ""] = ids;
    const post1 = { clientMessageId: "m-beta-0001", text: "hi" };
    const calls: [string, string, unknown?][] = [
      ["GET", `/rooms/${room}`],
      ["PATCH", `/rooms/${room}`, { topic: "x" }],
      ["POST", `/rooms/${room}/join`],
      ["POST", `/rooms/${room}/leave`],
      ["GET", `/rooms/${room}/members`],
      ["POST", `/rooms/${room}/members`, { personId: beta.personId }],
      ["DELETE", `/rooms/${room}/members/${alpha.personId}`],
      ["GET", `/rooms/${room}/messages`],
      ["GET", `/rooms/${room}/changes?after=0`],
      ["POST", `/rooms/${room}/messages`, post1],
      ["POST", `/rooms/${room}/typing`, {}],
      ["PUT", `/rooms/${room}/read`, { seq: 1 }],
      ["POST", `/rooms/${room}/stop`, {}],
      ["GET", `/rooms/${room}/state`],
      ["GET", `/messages/${post}`],
      ["PATCH", `/messages/${post}`, { text: "mine" }],
      ["DELETE", `/messages/${post}`],
      ["PUT", `/messages/${post}/reactions/${encodeURIComponent("👍")}`],
      ["DELETE", `/messages/${post}/reactions/${encodeURIComponent("👍")}`],
      ["GET", `/uploads/${uploadId}`],
      ["PATCH", `/people/${alpha.personId}`, { active: false }],
      ["POST", `/people/${alpha.personId}/sign-in-link`],
      ["POST", "/direct", { personId: alpha.personId }],
      ["POST", `/rooms/${beta.general.id}/members`, { personId: alpha.personId }],
      ["POST", `/rooms/${beta.general.id}/messages`, { ...post1, clientMessageId: "m-beta-0002", threadRootId: post }],
      [
        "POST",
        `/rooms/${beta.general.id}/messages`,
        { ...post1, clientMessageId: "m-beta-0003", uploadIds: [uploadId] },
      ],
    ];
    const outcomes: Record<string, number> = {};
    for (const [method, path, json] of calls) {
      const { status, body } = await beta.client.request(method, path, json);
      outcomes[`${method} ${path}`] = status;
      expect(String(JSON.stringify(body))).not.toContain(CANARY);
    }
    expect(Object.entries(outcomes).filter(([, status]) => status !== 404)).toEqual([]);
    const after = await alpha.client.ok<{ posts: { id: string }[] }>("GET", `/rooms/${room}/messages`);
    expect(after.posts.map(({ id }) => id)).toEqual(ids);
    // The owner's session of the one is that of the one in the API, too.
    const headers = { cookie: beta.client.cookie ?? "" };
    const agents = (await (await fetch(`${app.url}/api/agents`, { headers })).json()) as { agents: { name: string }[] };
    expect(agents.agents.map(({ name }) => name)).toContain("beta's echo");
    expect(agents.agents.map(({ name }) => name)).not.toContain("alpha's echo");
    expect(
      (await fetch(`${app.url}/api/agents`, { headers: { ...headers, "parley-organization": "alpha" } })).status,
    ).toBe(404);
  });

  test("have an address of their own for what Slack sends; that of an organization there is none", async () => {
    const app = await (await createDeployment(CONFIG)).process();
    const status = async (path: string): Promise<number> =>
      (
        await fetch(`${app.url}${path}`, {
          method: "POST",
          body: "{}",
          headers: { "content-type": "application/json" },
        })
      ).status;
    expect(await status("/slack/events")).toBe(401);
    expect(await status("/slack/beta/events")).toBe(401);
    expect(await status("/slack/alpha/events")).toBe(404);
    expect(await status("/slack/gamma/events")).toBe(404);
  });

  test("one that is taken out of the configuration is unknown: its tokens and its sessions reach nothing", async () => {
    const deployment = await createDeployment(CONFIG);
    const app = await deployment.process();
    const beta = await signIn(app, "beta");
    const { secret } = await token(app, "beta");
    const next = await deployment.process("export default { organizationId: 'alpha' };");
    const client = new WebClient(next.url);
    client.cookie = beta.client.cookie;
    expect((await next.call("GET", "/api/agents", { token: secret })).status).toBe(404);
    expect((await next.call("GET", "/api/agents", { organization: "beta" })).status).toBe(404);
    expect((await client.request("GET", "/me")).status).toBe(401);
    expect((await app.call("GET", "/api/agents", { token: secret })).status).toBe(200);
  });
});
