import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { MeAnswer, WebPost, WebRoom } from "../../../adapters/web/protocol.ts";
import { type App, createApp } from "../../../src/app.ts";
import { loadConfig } from "../../../src/config/load-config.ts";
import type { Logger } from "../../../src/contracts/logger.ts";
import { callApi } from "../../support/app/call-api.ts";
import { until } from "../../support/app/slack-app.ts";
import { withAgents } from "../../support/app/with-agents.ts";
import { WebClient } from "../../support/web/web-client.ts";
import { createToolAgent, type ToolTurnSeen } from "./tool-agent.ts";

/** Tools, schedules and tasks in the web room, on the embedded ledger. */

const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silent,
};
const agent = createToolAgent();
const shy = createToolAgent();
let folder = "";
let app: App;
let url = "";
let operator = "";
let page: WebClient;
let me: MeAnswer;
let general: WebRoom;
let asked = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "parley-tools-"));
  const config = await loadConfig({ cwd: folder, env: { PARLEY_DATA: folder, PARLEY_PORT: "0" } });
  app = await createApp(
    withAgents(config, [
      {
        handle: "worker",
        name: "Worker",
        speaksFirst: true,
        replyInThread: false,
        connector: { kind: "function", run: agent.run },
      },
      { handle: "shy", name: "Shy", connector: { kind: "function", run: shy.run } },
    ]),
    silent,
  );
  const started = await app.start();
  url = started.url;
  operator = (JSON.parse(readFileSync(join(folder, "operator.json"), "utf8")) as { token: string }).token;
  page = new WebClient(url);
  me = await page.signIn(started.signInLink ?? "");
  const { rooms } = await page.ok<{ rooms: WebRoom[] }>("GET", "/rooms");
  const room = rooms.find(({ name }) => name === "general") ?? rooms[0];
  if (room === undefined) throw new Error("there is no room");
  general = room;
}, 60_000);
afterAll(async () => {
  await app.stop("test");
  await rm(folder, { recursive: true, force: true });
});

async function posts(): Promise<WebPost[]> {
  return (await page.ok<{ posts: WebPost[] }>("GET", `/rooms/${general.id}/messages`)).posts;
}

async function ask(lines: readonly string[]): Promise<{ turn: ToolTurnSeen; id: string }> {
  const before = agent.seen.length;
  asked += 1;
  const text = `@worker\n${lines.join("\n")}\nsay done-${asked}`;
  const { post } = await page.ok<{ post: WebPost }>("POST", `/rooms/${general.id}/messages`, {
    clientMessageId: `message-${asked}`,
    text,
  });
  await until(async () =>
    (await posts()).some(({ text: said, author }) => author.kind === "agent" && said.includes(`done-${asked}`)),
  );
  const turn = agent.seen[before];
  if (turn === undefined) throw new Error("the agent had no turn");
  return { turn, id: post.id };
}

it("posts, answers one message, reacts and tells one person alone", async () => {
  const { turn, id } = await ask([
    'call post {"text":"from a tool"}',
    'call reply_to {"message":"$message","text":"an answer to it"}',
    'call react {"message":"$message","reaction":"👍"}',
    `call notify_member {"member":"${me.person.id}","text":"for you alone"}`,
    "call roster {}",
  ]);
  expect(turn.results.slice(0, 4)).toMatchObject([
    { posted: true },
    { posted: true },
    { reacted: true },
    { shown: true },
  ]);
  expect(JSON.stringify(turn.results[4])).toContain(me.person.id);
  const all = await posts();
  const said = all.filter(({ author }) => author.kind === "agent").map(({ text }) => text);
  expect(said.indexOf("from a tool")).toBeLessThan(said.findIndex((text) => text.includes("an answer to it")));
  expect(all.find((post) => post.id === id)?.reactions).toMatchObject([{ reaction: "👍", agentHandles: ["parley"] }]);
});

it("asks a person in the room, waits for what they fill in, and goes on with it", async () => {
  const asking = ask([
    `call ask {"who":"${me.person.id}","question":"Which colour shall it be?"}`,
    'call post {"text":"after the answer"}',
  ]);
  const question = await until(async () =>
    (await posts()).find(({ parts }) => (parts ?? []).some((part) => part.type === "input_request")),
  );
  const part = (question.parts ?? []).find((one) => one.type === "input_request");
  expect(part).toMatchObject({
    prompt: expect.stringContaining("Which colour shall it be?"),
    fields: [{ id: "answer" }],
  });
  expect((await posts()).some(({ text }) => text === "after the answer")).toBe(false);
  const answer = (clientActionId: string, fields: object): Promise<unknown> =>
    page.ok("POST", `/messages/${question.id}/actions`, { clientActionId, actionId: part?.inputId, fields });
  await expect(answer("colour-0001", {})).rejects.toThrow(/400|422/u);
  await answer("colour-0002", { answer: "sea green" });
  const { turn } = await asking;
  expect(turn.results).toEqual([
    { state: "decided", fields: { answer: "sea green" }, by: { id: me.person.id, name: me.person.name } },
    expect.objectContaining({ posted: true }),
  ]);
  expect(turn.request.attempt).toBe(1);
  const shown = await until(async () =>
    (await posts()).find(
      ({ id, text, parts }) => id === question.id && /nswered by/u.test(text + JSON.stringify(parts)),
    ),
  );
  expect(JSON.stringify(shown)).not.toContain("sea green");
});

it("shows schedules by API, and ends them there", async () => {
  await ask(['call schedule {"task":"say good night","inMs":3600000}', "call schedules {}"]);
  const client = { url, token: operator };
  const listed = await callApi<{ schedules: { id: string; agent: string; task: string }[] }>(client, {
    method: "GET",
    path: "/api/schedules?agent=worker",
  });
  expect(listed.body.schedules).toMatchObject([{ agent: "worker", task: "say good night", requestedBy: me.person.id }]);
  const [{ id } = { id: "" }] = listed.body.schedules;
  expect((await callApi(client, { method: "DELETE", path: `/api/schedules/${id}` })).status).toBe(204);
  expect((await callApi(client, { method: "DELETE", path: `/api/schedules/${id}` })).status).toBe(404);
  expect(
    (await callApi<{ schedules: unknown[] }>(client, { method: "GET", path: "/api/schedules" })).body.schedules,
  ).toEqual([]);
});

it("takes a task with the rights of the person whom the token stands for, once, and of nobody else", async () => {
  const made = await callApi<{ secret: string }>(
    { url, token: operator },
    { method: "POST", path: "/api/tokens", body: { name: "tasks", scopes: ["talk"], as: me.person.name } },
  );
  const client = { url, token: made.body.secret };
  const task = { conversation: "web:general", task: "say the task is done", idempotencyKey: "task-1" };
  const first = await callApi<{ eventId: string }>(client, {
    method: "POST",
    path: "/api/agents/worker/tasks",
    body: task,
  });
  expect(first.status).toBe(202);
  const again = await callApi<{ eventId: string }>(client, {
    method: "POST",
    path: "/api/agents/worker/tasks",
    body: task,
  });
  expect(again.body.eventId).toBe(first.body.eventId);
  await until(async () => (await posts()).some(({ text }) => text.includes("the task is done")));
  expect(agent.seen.at(-1)?.request).toMatchObject({
    reason: "command",
    trigger: { sender: { id: me.person.id, kind: "human" } },
  });
  const refused = await callApi<{ error: { code: string; detail: string } }>(client, {
    method: "POST",
    path: "/api/agents/shy/tasks",
    body: task,
  });
  expect(refused).toMatchObject({
    status: 403,
    body: { error: { detail: expect.stringContaining("does_not_speak_first") } },
  });
  expect(
    await callApi({ url, token: operator }, { method: "POST", path: "/api/agents/worker/tasks", body: task }),
  ).toMatchObject({ status: 403 });
  expect(
    await callApi(client, {
      method: "POST",
      path: "/api/agents/worker/tasks",
      body: { ...task, conversation: "c_000000000000000000000000" },
    }),
  ).toMatchObject({ status: 404 });
  expect((await posts()).filter(({ text }) => text.includes("the task is done"))).toHaveLength(1);
  expect(shy.seen).toEqual([]);
});
