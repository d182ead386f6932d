import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import type { ToolAccess } from "../../../src/contracts/connector.ts";
import { type SlackApp, startSlackApp, until } from "../../support/app/slack-app.ts";
import { createToolAgent, type ToolTurnSeen } from "./tool-agent.ts";

/** The tools of a turn by MCP, as an agent outside reaches them: with a token of that turn alone, and only while it lasts. */

let parley: SlackApp;
const agent = createToolAgent();
const clients: Client[] = [];

beforeAll(async () => {
  parley = await startSlackApp([
    { handle: "worker", name: "Worker", connector: { kind: "function", run: agent.run }, idleTimeoutMs: 60_000 },
    { handle: "narrow", name: "Narrow", tools: ["roster"], connector: { kind: "function", run: agent.run } },
  ]);
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
  agent.letGo();
});
afterAll(() => parley.close());

/** A turn that waits, with the access that its agent was given. */
async function begin(
  handle = "worker",
  channel = parley.channel,
  user = parley.user,
): Promise<{ turn: ToolTurnSeen; access: ToolAccess; ts: string }> {
  const before = agent.seen.length;
  const { ts } = parley.slack.people.postAs(user, channel, parley.ask(handle, "\nwait\nsay done"), {});
  const turn = await until(() => agent.seen[before]);
  if (turn.access === undefined) throw new Error("the turn has no access to tools");
  return { turn, access: turn.access, ts };
}

async function connect({ url, token }: ToolAccess, mode: "legacy" | "auto" = "auto"): Promise<Client> {
  const client = new Client({ name: "test", version: "1" }, { versionNegotiation: { mode } });
  clients.push(client);
  await client.connect(
    new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers: { authorization: `Bearer ${token}` } } }),
  );
  return client;
}

const textOf = (result: { content?: unknown }): string => (result.content as { text: string }[])[0]?.text ?? "";

async function raw(
  { url, token }: ToolAccess,
  headers: Record<string, string> = {},
  body: unknown = LIST,
): Promise<Response> {
  return await fetch(url, {
    method: "POST",
    headers: {
      authorization: `Bearer ${token}`,
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      "mcp-protocol-version": "2025-06-18",
      ...headers,
    },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
}
const LIST = { jsonrpc: "2.0", id: 1, method: "tools/list", params: {} };

it.each(["legacy", "auto"] as const)(
  "lists the turn's tools and carries them out, for clients of the %s era",
  async (mode) => {
    const { access, ts } = await begin();
    const client = await connect(access, mode);
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(agent.seen.at(-1)?.names);
    expect(tools.find(({ name }) => name === "post")).toMatchObject({
      inputSchema: { type: "object", required: ["text"] },
      annotations: { readOnlyHint: false },
    });
    const posted = await client.callTool({ name: "post", arguments: { text: `by mcp ${mode}` } });
    expect(JSON.parse(textOf(posted))).toMatchObject({ posted: true });
    expect(posted.isError).toBeFalsy();
    expect(parley.slack.log.posts({ thread: ts, by: "app" }).map(({ text }) => text)).toEqual([`by mcp ${mode}`]);
    const wrong = await client.callTool({ name: "post", arguments: { text: "" } });
    expect(wrong).toMatchObject({ isError: true });
    expect(textOf(wrong)).toContain("not valid");
    const unknown = await client.callTool({ name: "delete_everything", arguments: {} });
    expect(unknown).toMatchObject({ isError: true });
  },
);

it("shows only the tools that the definition allows", async () => {
  const { access } = await begin("narrow");
  const client = await connect(access);
  expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(["roster"]);
  expect(await client.callTool({ name: "post", arguments: { text: "x" } })).toMatchObject({ isError: true });
});

it("carries out many calls at once, each once", async () => {
  const { access, ts } = await begin();
  const client = await connect(access);
  const results = await Promise.all(
    Array.from({ length: 15 }, (_, index) => client.callTool({ name: "post", arguments: { text: `m${index}` } })),
  );
  expect(results.every(({ isError }) => isError !== true)).toBe(true);
  const posts = await until(() => {
    const texts = parley.slack.log.posts({ thread: ts, by: "app" }).map(({ text }) => text);
    return texts.length === 15 ? texts : undefined;
  });
  expect(new Set(posts).size).toBe(15);
});

it("is 401 for a token that is wrong, changed, or none, with a challenge", async () => {
  const { access } = await begin();
  const [claims = "", proof = ""] = access.token.split(".");
  const other = Buffer.from(claims.slice(4), "base64url")
    .toString("utf8")
    .replace(/^\["[^"]+"/u, '["t_other"');
  for (const token of [
    "",
    "x",
    `${claims}.`,
    `${claims}.${proof.slice(0, -2)}AA`,
    `plt_${Buffer.from(other).toString("base64url")}.${proof}`,
  ]) {
    const response = await raw({ ...access, token });
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toContain("Bearer");
    expect(await response.json()).toMatchObject({ error: { code: "UNAUTHENTICATED" } });
  }
  expect((await raw(access)).status).toBe(200);
});

it("is 401 from the moment that the turn has ended", async () => {
  const { access, ts } = await begin();
  expect((await raw(access)).status).toBe(200);
  agent.letGo();
  await until(() => parley.slack.log.posts({ thread: ts, by: "app" }).some(({ text }) => text?.includes("done")));
  expect((await raw(access)).status).toBe(401);
});

it("is 401 once the agent is stopped or the bot has left the channel", async () => {
  const [, second = "", third = ""] = parley.space.channels;
  const { access } = await begin("worker", third);
  const { access: elsewhere } = await begin("worker", second);
  parley.slack.people.leave(parley.space.bot.botUserId, third);
  await until(async () => (await raw(access)).status === 401);
  expect((await raw(elsewhere)).status).toBe(200);
  await parley.ledger.query({ text: "update agents set status = 'stopped' where handle = 'worker'" });
  expect((await raw(elsewhere)).status).toBe(401);
  await parley.ledger.query({ text: "update agents set status = 'active' where handle = 'worker'" });
});

it("reaches with the token of one turn nothing of another", async () => {
  const one = await begin();
  const two = await begin();
  const client = await connect(one.access);
  await client.callTool({ name: "post", arguments: { text: "for the first" } });
  const texts = (ts: string) => parley.slack.log.posts({ thread: ts, by: "app" }).map(({ text }) => text);
  expect(texts(one.ts)).toEqual(["for the first"]);
  expect(texts(two.ts)).toEqual([]);
});

it("refuses pages of other sites, other names, and bodies without end", async () => {
  const { access } = await begin();
  expect((await raw(access, { origin: "https://evil.example" })).status).toBe(403);
  expect((await raw(access, { origin: "null" })).status).toBe(403);
  expect((await raw(access, { "content-type": "text/plain" })).status).toBe(415);
  expect((await raw(access, {}, "x".repeat(13_000_000))).status).toBe(413);
  expect((await raw(access, {}, "{")).status).toBe(400);
});
