import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { defineAgent } from "../../../agents/shared/agent-function.ts";
import { type SlackApp, startSlackApp, until } from "../../support/app/slack-app.ts";

/** Security rule R7: agents change no configuration. What they hold opens nothing, their tools only read, and what is new cannot be written by default. */

let parley: SlackApp;
let operator = "";
let replyUrl = "";
let tools: string[] = [];
let untouched: unknown;

/** What a turn may use. A tool that is added here must be one that changes nothing of how Parley is set up. */
const HARMLESS_TOOLS = new Set([
  "read_conversation",
  "roster",
  "agents",
  "post",
  "reply_to",
  "react",
  "notify_member",
  "ask",
  "request_approval",
  "attach_file",
  "schedule",
  "schedules",
  "cancel_schedule",
  "documents",
  "document_read",
  "document_write",
  "read_file",
  "conversations",
  "conversation_history",
  "conversation_search",
]);

beforeAll(async () => {
  parley = await startSlackApp([
    {
      handle: "schemer",
      name: "Schemer",
      connector: {
        kind: "function",
        run: defineAgent(async function* (_request, io) {
          replyUrl = io.replyUrl();
          tools = io.tools.map((tool) => tool.name);
          for (const tool of io.tools) {
            const attempt = {
              channels: ["*"],
              status: "active",
              agent: "schemer",
              rules: [],
              role: "owner",
              config: {},
            };
            // Whether it refuses them or takes no notice of them: nothing of this is carried out.
            await Promise.resolve()
              .then(() => tool.execute(attempt, io.signal))
              .catch(() => undefined);
          }
          yield "done";
        }),
      },
    },
  ]);
  operator = (JSON.parse(readFileSync(join(parley.dataFolder, "operator.json"), "utf8")) as { token: string }).token;
  untouched = await settings();
  const { ts } = parley.slack.people.postAs(parley.user, parley.channel, parley.ask("schemer", "go on"), {});
  await until(() => parley.slack.log.posts({ thread: ts, by: "app" }).length === 1);
});
afterAll(() => parley.close());

interface Description {
  readonly paths: Record<string, Record<string, { readonly security?: readonly object[] }>>;
}

const settings = async (): Promise<unknown> =>
  await parley.ledger.query({
    text: `select (select jsonb_agg(jsonb_build_array(handle, definition, status, removed_at) order by handle) from agents) as agents,
      (select jsonb_agg(jsonb_build_array(id, status) order by id) from organizations) as organizations,
      (select count(*)::int from access_rules) as rules, (select count(*)::int from role_assignments) as roles,
      (select count(*)::int from agent_invitations) as invitations, (select count(*)::int from api_tokens) as tokens`,
  });

it("gives an agent tools that read and speak, and none that carries out what it is told of settings", async () => {
  expect(tools.length).toBeGreaterThan(0);
  expect(tools.filter((name) => !HARMLESS_TOOLS.has(name))).toEqual([]);
  expect(await settings()).toEqual(untouched);
});

it("lets nothing that an agent holds call any route of operators", { timeout: 60_000 }, async () => {
  const before = await settings();
  const held = [
    replyUrl.split("/").at(-1) ?? "",
    replyUrl,
    `prl_op_${"A".repeat(43)}`,
    Buffer.from(replyUrl).toString("base64url"),
  ];
  const description = (await (
    await fetch(`${parley.url}/openapi.json`, { headers: { authorization: `Bearer ${operator}` } })
  ).json()) as Description;
  // The door of agents themselves takes an agent's token and nothing else; what is no WebSocket is told so before any token is looked at.
  const ofOperators = Object.entries(description.paths).filter(([path]) => path !== "/api/agents/connect");
  const routes = ofOperators.flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([, route]) => (route.security ?? []).length > 0)
      .map(([method]) => ({ method: method.toUpperCase(), path: path.replaceAll(/\{[^}]+\}/g, "schemer") })),
  );
  expect(routes.length).toBeGreaterThan(20);
  const open: string[] = [];
  for (const { method, path } of routes)
    for (const token of held) {
      const response = await fetch(`${parley.url}${path}`, {
        method,
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        ...(method === "GET" || method === "DELETE" ? {} : { body: JSON.stringify({ reason: "mine" }) }),
      });
      if (response.status !== 401 && response.status !== 429) open.push(`${method} ${path}: ${response.status}`);
    }
  expect(open).toEqual([]);
  expect(await settings()).toEqual(before);
});

it("takes no key that it does not know, wherever something is set up", async () => {
  const before = await settings();
  const call = async (path: string, body: unknown): Promise<number> =>
    (
      await fetch(`${parley.url}${path}`, {
        method: "POST",
        headers: { authorization: `Bearer ${operator}`, "content-type": "application/json" },
        body: JSON.stringify(body),
      })
    ).status;
  const agent = { handle: "new-one", name: "New", connector: { kind: "webhook", url: "http://127.0.0.1:9999/" } };
  for (const key of ["admin", "role", "organizationId", "status", "source", "permissions", "grants", "newSetting"]) {
    expect([key, await call("/api/agents", { ...agent, [key]: true })]).toEqual([key, 400]);
    expect([key, await call("/api/agents", { ...agent, connector: { ...agent.connector, [key]: true } })]).toEqual([
      key,
      400,
    ]);
    expect([key, await call("/api/organization/stop", { reason: "x", [key]: true })]).toEqual([key, 400]);
    expect([key, await call("/api/agents/schemer/stop", { reason: "x", [key]: true })]).toEqual([key, 400]);
    const rule = { at: "organization", who: "everyone", actions: ["post"], effect: "allow", [key]: true };
    expect([key, await call("/api/access/rules", rule)]).toEqual([key, 400]);
  }
  expect(await settings()).toEqual(before);
});

it("takes words of an agent's answer for words, whatever commands they are", async () => {
  const before = await settings();
  parley.slack.people.postAs(parley.user, parley.channel, parley.ask("schemer", "/parley invite @schemer"), {});
  await until(
    async () => (await parley.ledger.query({ text: "select 1 from events where finished_at is null" })).length === 0,
  );
  expect(await settings()).toEqual(before);
});
