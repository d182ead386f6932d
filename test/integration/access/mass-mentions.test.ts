import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { defineAgent } from "../../../agents/shared/agent-function.ts";
import { callApi } from "../../support/app/call-api.ts";
import { type SlackApp, startSlackApp, until } from "../../support/app/slack-app.ts";

/** The right `mention_everyone`, of the agent and of the person who asks it, from a message on Slack to whom Slack notifies. */

let parley: SlackApp;
let token = "";
let release: (() => void) | undefined;
const rules: string[] = [];

beforeAll(async () => {
  parley = await startSlackApp([
    {
      handle: "crier",
      name: "Crier",
      connector: {
        kind: "function",
        run: defineAgent(async function* () {
          yield "Hear, @channel, ";
          await new Promise((resolve) => setTimeout(resolve, 1_500));
          yield "lunch is ready.";
        }),
      },
    },
    {
      handle: "waiter",
      name: "Waiter",
      connector: {
        kind: "function",
        run: defineAgent(async function* () {
          await new Promise<void>((resolve) => (release = resolve));
          yield "@here, the table is laid.";
        }),
      },
    },
  ]);
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

async function allow(who: string): Promise<void> {
  const { body, status } = await api<{ rules: { id: string }[] }>("POST", "/api/access/rules", {
    at: `slack:${parley.channel}`,
    who,
    actions: ["mention_everyone"],
    effect: "allow",
  });
  expect(status).toBe(201);
  rules.push(...body.rules.map((rule) => rule.id));
}

/** Asks, and says what was posted in answer and whom Slack has notified of any of it. */
async function answerTo(agent: string, meanwhile?: () => Promise<void>) {
  const before = parley.slack.log.posts({ by: "app" }).length;
  const { ts } = parley.slack.people.postAs(parley.user, parley.channel, parley.ask(agent, "now"), {});
  await meanwhile?.();
  await until(
    async () =>
      (
        await parley.ledger.query(
          { text: "select 1 from turns where trigger_message_id = $1 and state = 'answered'" },
          [ts],
        )
      ).length === 1,
  );
  const posts = parley.slack.log.posts({ by: "app" }).slice(before);
  return { posts, notified: posts.flatMap((post) => post.notified ?? []).filter((one) => one.startsWith("!")) };
}

interface Decided {
  readonly what: string;
  readonly rule: string;
  readonly allowed: boolean;
  readonly asker?: string;
}
async function lastDecision(): Promise<Decided | undefined> {
  const rows = await parley.ledger.query<{ entries: string }>({
    text: `select entries from audit_log where entries like '%"mass_mention"%' order by xact, id`,
  });
  return rows
    .flatMap((row) => JSON.parse(row.entries) as Decided[])
    .filter(({ what }) => what === "mass_mention")
    .at(-1);
}

it("is neither an agent's nor a member's by default: nobody is notified, and the log says by which rule", async () => {
  expect((await answerTo("crier")).notified).toEqual([]);
  expect(await lastDecision()).toMatchObject({ allowed: false, rule: "class_agent" });
});

it("of the agent alone is not enough, nor of the person alone", async () => {
  await allow("agent:crier");
  expect((await answerTo("crier")).notified).toEqual([]);
  expect(await lastDecision()).toMatchObject({
    allowed: false,
    rule: "sender_class_member",
    asker: parley.user,
  });
  for (const id of rules.splice(0)) await api("DELETE", `/api/access/rules/${id}`);
  await allow(`person:${parley.user}`);
  expect((await answerTo("crier")).notified).toEqual([]);
  expect(await lastDecision()).toMatchObject({ allowed: false, rule: "class_agent" });
});

it("of both notifies everybody in the channel, by a whole post and not by a preview that nobody is told of", async () => {
  await allow("agent:crier");
  await allow(`person:${parley.user}`);
  const { posts, notified } = await answerTo("crier");
  expect(notified).toEqual(["!channel"]);
  expect(posts).toHaveLength(1);
  expect(await lastDecision()).toMatchObject({ allowed: true, rule: "allowed_at_channel", asker: parley.user });
});

it("is decided as the answer is sent: what was taken back while the agent worked is not had", async () => {
  await allow("agent:waiter");
  await allow(`person:${parley.user}`);
  const { notified } = await answerTo("waiter", async () => {
    await until(() => release !== undefined);
    for (const id of rules.splice(0)) await api("DELETE", `/api/access/rules/${id}`);
    release?.();
  });
  expect(notified).toEqual([]);
  expect(await lastDecision()).toMatchObject({ allowed: false, rule: "class_agent" });
});
