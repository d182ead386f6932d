import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { FastifyInstance } from "fastify";
import { afterAll, beforeAll, expect, it } from "vitest";
import { issueSignInLink } from "../../../adapters/web/index.ts";
import type { MeAnswer, WebPost, WebRoom } from "../../../adapters/web/protocol.ts";
import { defineAgent } from "../../../agents/shared/agent-function.ts";
import type { RouteEntry } from "../../../src/api/auth-policy.ts";
import { ACCESS_ACTIONS } from "../../../src/contracts/access.ts";
import type { ChatAdapter } from "../../../src/contracts/adapter.ts";
import { API_SCOPES, type ApiScope } from "../../../src/contracts/api-token.ts";
import { createWebRoomStore } from "../../../src/ledger/web/index.ts";
import { callApi } from "../../support/app/call-api.ts";
import { type SlackApp, startSlackApp, until } from "../../support/app/slack-app.ts";
import { WebClient } from "../../support/web/web-client.ts";

/** Security rule R8 for HTTP and sockets: every route of a whole Parley is decided about, and one that nobody has thought of fails here. */

let parley: SlackApp;
let operator = "";
let table: readonly RouteEntry[] = [];
let mara: { readonly client: WebClient; readonly me: MeAnswer };
let olga: typeof mara;
let room: WebRoom;
const started: string[] = [];

/** The adapter, with a look at the server that it mounts on. */
function watched(created: ChatAdapter): ChatAdapter {
  const { mount } = created;
  if (mount === undefined) return created;
  return new Proxy(created, {
    get(target, key) {
      if (key === "mount")
        return async (server: FastifyInstance): Promise<void> => {
          table = server.routeTable;
          await mount.call(target, server);
        };
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

beforeAll(async () => {
  parley = await startSlackApp(
    [
      {
        handle: "keeper",
        name: "Keeper",
        connector: {
          kind: "function",
          run: defineAgent(async function* (request) {
            started.push(request.trigger.sender.id);
            yield "at your service";
            yield {
              type: "approval_request",
              approvalId: "deploy",
              prompt: "Deploy?",
              options: [{ id: "yes", label: "Yes", effect: "allow" }],
            };
          }),
        },
      },
    ],
    { ports: { adapter: watched } },
  );
  operator = (JSON.parse(readFileSync(join(parley.dataFolder, "operator.json"), "utf8")) as { token: string }).token;
  // The database of a test is the one this process made its second connection to.
  const store = createWebRoomStore({
    database: parley.ledger as Parameters<typeof createWebRoomStore>[0]["database"],
    uploadsFolder: join(parley.dataFolder, "uploads"),
  });
  const signIn = async (personName: string): Promise<typeof mara> => {
    const client = new WebClient(parley.url);
    const link = { store, baseUrl: parley.url, organizationId: "main", personName, role: "member" as const };
    return { client, me: await client.signIn((await issueSignInLink(link)).url) };
  };
  [mara, olga] = [await signIn("Mara"), await signIn("Olga")];
  room = await olga.client.ok<WebRoom>("POST", "/rooms", { name: "team", kind: "public" });
  await mara.client.ok("POST", `/rooms/${room.id}/join`);
});
afterAll(() => parley.close());

const routesOf = (...policies: readonly RouteEntry["auth"][]): readonly RouteEntry[] =>
  table.filter(({ auth, method }) => policies.includes(auth) && method !== "HEAD" && method !== "OPTIONS");
const concrete = (url: string): string => url.replaceAll(/:\w+/gu, "x").replace(/\*$/u, "another.css");
const denials = async (): Promise<readonly Record<string, unknown>[]> =>
  (
    await parley.ledger.query<{ entries: string }>({
      text: `select entries from audit_log where entries like '%"denied"%'`,
    })
  ).flatMap((row) => JSON.parse(row.entries) as Record<string, unknown>[]);

it("decides about each route of operators by the scope of who calls, and records each refusal with the route", async () => {
  const tokens = new Map<ApiScope, string>();
  for (const missing of API_SCOPES) {
    const scopes = API_SCOPES.filter((scope) => scope !== missing && scope !== "talk");
    const { status, body } = await callApi<{ secret: string }>(
      { url: parley.url, token: operator },
      { method: "POST", path: "/api/tokens", body: { name: `without ${missing}`, scopes } },
    );
    expect(status).toBe(201);
    tokens.set(missing, body.secret);
  }
  const routes = routesOf("operator", "local_or_operator");
  expect(routes.length).toBeGreaterThan(40);
  for (const { method, url, scope = "read" } of routes) {
    const response = await fetch(`${parley.url}${concrete(url)}`, {
      method,
      headers: { authorization: `Bearer ${tokens.get(scope) ?? ""}`, "content-type": "application/json" },
      ...(method === "GET" || method === "DELETE" ? {} : { body: "{}" }),
    });
    expect([method, url, response.status]).toEqual([method, url, 403]);
  }
  const recorded = new Set(
    (await denials())
      .filter(({ rule }) => rule === "scope_of_token")
      .map((entry) => `${String(entry["route"])} ${String(entry["scope"])}`),
  );
  for (const { url, scope } of routes) expect(recorded).toContain(`${url} ${scope}`);
});

/** Routes of the page that say who somebody is, before anybody is. */
const SIGN_IN = new Set([
  "POST /api/web/sign-in",
  "POST /api/web/sign-out",
  "GET /api/web/sign-in-options",
  "GET /api/web/oidc/start",
  "GET /api/web/oidc/callback",
]);
/** What is no route of the page: each verifies its callers itself, and a test of its own shows it. */
const VERIFIED_ELSEWHERE = new Set(["POST /slack/events", "GET /mcp", "POST /mcp", "DELETE /mcp"]);

it("lets nobody without a session at any route of the page, and knows every other route there is", async () => {
  const ofPage = routesOf("adapter").filter(({ method, url }) => !VERIFIED_ELSEWHERE.has(`${method} ${url}`));
  const stranger = new WebClient(parley.url);
  for (const { method, url } of ofPage) {
    expect(url).toMatch(/^\/api\/web\//u);
    if (SIGN_IN.has(`${method} ${url}`)) continue;
    const path = concrete(url).replace("/api/web", "");
    const { status } = await stranger.request(method, path, method === "GET" || method === "DELETE" ? undefined : {});
    expect([method, url, status]).toEqual([method, url, 401]);
  }
  expect(
    routesOf("agent", "capability", "public")
      .filter(({ url }) => !/^\/(?:assets\/.*|favicon\.svg|index\.html|sources\.sha256)?$/u.test(url))
      .map(({ method, url, auth }) => `${auth} ${method} ${url}`)
      .sort(),
  ).toEqual([
    "agent GET /api/agents/connect",
    "capability GET /api/files/:token",
    "capability POST /api/replies/:token",
    "capability POST /api/replies/:token/a2a/:taskId",
    "public GET /healthz",
    "public GET /readyz",
    "public GET /sign-in",
  ]);
});

interface PageRoute {
  readonly call: (post: WebPost) => Promise<{ readonly status: number; readonly body: unknown }>;
  /** Where the rule is recorded: with the event that the call makes, or with the refusal of the call. */
  readonly recorded: "decisions" | "state_reason" | "refused";
}
const page = (method: string, path: string, body?: unknown) => mara.client.request(method, path, body);

/** The routes by which somebody reaches an agent, or gives one a place. */
const TO_AGENTS: Readonly<Record<string, PageRoute>> = {
  "POST /api/web/rooms/:roomId/messages": {
    call: () => page("POST", `/rooms/${room.id}/messages`, { clientMessageId: randomUUID(), text: "@keeper hello" }),
    recorded: "decisions",
  },
  "POST /api/web/rooms/:roomId/stop": {
    call: () => page("POST", `/rooms/${room.id}/stop`, {}),
    recorded: "state_reason",
  },
  "POST /api/web/messages/:postId/actions": {
    call: (post) =>
      page("POST", `/messages/${post.id}/actions`, { clientActionId: randomUUID(), actionId: "deploy", value: "yes" }),
    recorded: "state_reason",
  },
  "POST /api/web/rooms/:roomId/agents": {
    call: () => page("POST", `/rooms/${room.id}/agents`, { agent: "keeper" }),
    recorded: "refused",
  },
  "DELETE /api/web/rooms/:roomId/agents/:handle": {
    call: () => page("DELETE", `/rooms/${room.id}/agents/keeper`),
    recorded: "refused",
  },
  "POST /api/web/rooms/:roomId/agents/:handle/take-over": {
    call: () => page("POST", `/rooms/${room.id}/agents/keeper/take-over`, {}),
    recorded: "refused",
  },
};

it("asks what somebody may who reaches an agent by the page, and records by which rule they may not", async () => {
  await olga.client.ok("POST", `/rooms/${room.id}/messages`, { clientMessageId: randomUUID(), text: "@keeper hello" });
  const post = await until(async () => {
    const { posts } = await olga.client.ok<{ posts: readonly WebPost[] }>("GET", `/rooms/${room.id}/messages`);
    return posts.find(({ parts }) => parts?.some(({ type }) => type === "approval_request"));
  });
  for (const action of ACCESS_ACTIONS)
    await parley.ledger.query(
      {
        text: `insert into access_rules (id, organization_id, level, subject_kind, subject, action, effect, source, created_by)
          values ('no-' || $2, 'main', 'organization', 'person', $1, $2, 'deny', 'operator', 'test')`,
      },
      [mara.me.person.id, action],
    );
  await parley.ledger.query({ text: "select pg_notify('parley_access', '')" });
  for (const [name, { call, recorded }] of Object.entries(TO_AGENTS)) {
    expect(table.map(({ method, url }) => `${method} ${url}`)).toContain(name);
    const events = async () =>
      await parley.ledger.query<{ id: string; state: string; state_reason: string | null; decisions: string | null }>(
        {
          text: "select id, state, state_reason, decisions::text from events where envelope->'sender'->>'id' = $1 order by received_at",
        },
        [mara.me.person.id],
      );
    const before = new Set((await events()).map(({ id }) => id));
    const refusals = (await denials()).length;
    const { status } = await call(post);
    expect([name, status < 300 ? "taken" : status]).toEqual([name, recorded === "refused" ? 403 : "taken"]);
    const told = await until(async () => {
      if (recorded === "refused") return (await denials()).slice(refusals).map((entry) => JSON.stringify(entry))[0];
      const isNew = (row: { id: string; state: string }): boolean =>
        !before.has(row.id) && row.state !== "pending" && row.state !== "routed";
      return (await events()).find(isNew)?.[recorded];
    });
    expect([name, told]).toEqual([name, expect.stringContaining("denied_at_organization")]);
  }
  expect(started).not.toContain(mara.me.person.id);
});
