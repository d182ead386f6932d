import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { defineAgent } from "../../../agents/shared/agent-function.ts";
import type { JsonValue } from "../../../src/contracts/json.ts";
import { callApi } from "../../support/app/call-api.ts";
import { type SlackApp, startSlackApp, until } from "../../support/app/slack-app.ts";

/** The rights `edit_document` and `react`, asked of agents and of the people on whose behalf they work. */

let parley: SlackApp;
let token = "";
let mara = "";
const rules: string[] = [];
const written: JsonValue[] = [];
const heard: string[] = [];

const writer = defineAgent(async function* (request, io) {
  if (request.reason === "subscription") {
    heard.push(request.trigger.text);
    return;
  }
  const tool = io.tools.find(({ name }) => name === "document_write");
  const result = await tool?.execute(
    { name: request.trigger.messageId ?? "plan", revision: 0, value: 1, callId: "one" },
    io.signal,
  );
  written.push(result ?? { missing: true });
  yield "written down";
});

beforeAll(async () => {
  parley = await startSlackApp([
    {
      handle: "writer",
      name: "Writer",
      connector: { kind: "function", run: writer },
      workReactions: "always",
      speaksFirst: true,
      on: ["reaction_added"],
    },
    {
      handle: "helper",
      name: "Helper",
      connector: {
        kind: "function",
        run: defineAgent(async function* () {
          yield "@writer write it down";
        }),
      },
    },
  ]);
  mara = parley.space.users[1] ?? "";
  token = (JSON.parse(readFileSync(join(parley.dataFolder, "operator.json"), "utf8")) as { token: string }).token;
  parley.slack.people.postAs(parley.user, parley.channel, "good morning", {});
  await until(
    async () =>
      (await parley.ledger.query({ text: "select 1 from channels where channel_id = $1" }, [parley.channel])).length ===
      1,
  );
});
afterEach(async () => {
  for (const id of rules.splice(0)) await api("DELETE", `/api/access/rules/${id}`);
});
afterAll(() => parley.close());

const api = <T>(method: string, path: string, body?: unknown) =>
  callApi<T>({ url: parley.url, token }, { method, path, body });

async function deny(who: string, action: string): Promise<void> {
  const { body, status } = await api<{ rules: { id: string }[] }>("POST", "/api/access/rules", {
    at: `slack:${parley.channel}`,
    who,
    actions: [action],
    effect: "deny",
  });
  expect(status).toBe(201);
  rules.push(...body.rules.map((rule) => rule.id));
}

/** What the agent's attempt to write came to. */
async function asks(person: string, agent: string): Promise<JsonValue | undefined> {
  const before = written.length;
  parley.slack.people.postAs(person, parley.channel, parley.ask(agent, "write it down"), {});
  await until(() => written.length > before);
  return written.at(-1);
}
const decisionsOn = async (reaction: string): Promise<string> => {
  const rows = await until(async () => {
    const found = await parley.ledger.query<{ state: string; decisions: string | null }>(
      {
        text: "select state, decisions::text from events where kind = 'reaction_added' and envelope->'body'->>'reaction' = $1",
      },
      [reaction],
    );
    return found.some(({ state }) => state === "pending" || state === "routed") || found.length === 0
      ? undefined
      : found;
  });
  return rows.map(({ decisions }) => decisions ?? "").join();
};
/** What an agent at work showed on a question, once it has answered. */
async function signsOf(agent: string): Promise<readonly string[]> {
  const { ts } = parley.slack.people.postAs(parley.user, parley.channel, parley.ask(agent, "write it down"), {});
  await until(
    async () =>
      (
        await parley.ledger.query(
          { text: "select 1 from turns where trigger_message_id = $1 and state = 'answered'" },
          [ts],
        )
      ).length === 1,
  );
  return parley.slack.log.entries
    .filter((entry) => entry.kind === "reaction_add" && entry.by === "app" && entry.ts === ts)
    .map((entry) => entry.text ?? JSON.stringify(entry.detail));
}

it("edit_document is asked of the agent and of the person who asked it", async () => {
  expect(await asks(mara, "writer")).toMatchObject({ revision: 1 });
  await deny(`person:${mara}`, "edit_document");
  expect(await asks(mara, "writer")).toEqual({ error: expect.stringContaining("sender_denied_at_channel") });
  expect(await asks(parley.user, "writer")).toMatchObject({ revision: 1 });
  await deny("agent:writer", "edit_document");
  expect(await asks(parley.user, "writer")).toEqual({ error: expect.stringContaining("(denied_at_channel)") });
});

it("edit_document is not had by asking an agent that asks another", async () => {
  expect(await asks(mara, "helper")).toMatchObject({ revision: 1 });
  await deny(`person:${mara}`, "edit_document");
  expect(await asks(mara, "helper")).toEqual({ error: expect.stringContaining("sender_denied_at_channel") });
});

it("react is asked of the agent whose work is shown on the question, and of the person whose reaction it hears", async () => {
  const { ts } = parley.slack.people.postAs(parley.user, parley.channel, "a word", {});
  parley.slack.people.reactAs(mara, parley.channel, ts, "tada");
  expect(await decisionsOn("tada")).toContain("subscription");
  await deny(`person:${mara}`, "react");
  parley.slack.people.reactAs(mara, parley.channel, ts, "fire");
  expect(await decisionsOn("fire")).toContain("sender_denied_at_channel");
  expect(heard).toHaveLength(1);
  const shown = await signsOf("writer");
  expect(shown).toContain("eyes");
  await deny("agent:writer", "react");
  expect(await signsOf("writer")).toEqual([]);
});
