import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { defineAgent } from "../../../agents/shared/agent-function.ts";
import { callApi } from "../../support/app/call-api.ts";
import { type SlackApp, startSlackApp, until } from "../../support/app/slack-app.ts";

/** Security rules R10 (whatever is sent obeys the same lists) and R15 (where a reply goes is not the agent's to say), at the real entrances. */

let parley: SlackApp;
let token = "";
let broken = false;
let replyUrls: string[] = [];

/** Accepts every turn and answers never, so that the test can answer in its place. */
const later = createServer((request, response) => {
  let body = "";
  request.on("data", (piece) => void (body += String(piece)));
  request.on("end", () => {
    replyUrls.push((JSON.parse(body) as { reply_url: string }).reply_url);
    response.writeHead(202).end();
  });
});
const rules: string[] = [];

beforeAll(async () => {
  later.listen(0, "127.0.0.1");
  await once(later, "listening");
  parley = await startSlackApp([
    {
      handle: "talker",
      name: "Talker",
      connector: {
        kind: "function",
        run: defineAgent(async function* () {
          if (broken) throw new Error("not today");
          yield "here I am";
        }),
      },
    },
  ]);
  token = (JSON.parse(readFileSync(join(parley.dataFolder, "operator.json"), "utf8")) as { token: string }).token;
  const added = await api("POST", "/api/agents", {
    handle: "later",
    name: "Later",
    connector: { kind: "webhook", url: `http://127.0.0.1:${(later.address() as AddressInfo).port}/` },
  });
  if (added.status !== 201) throw new Error(`the agent was not added: ${added.status}`);
  // Each channel is known once somebody has spoken there.
  for (const channel of parley.space.channels) parley.slack.people.postAs(parley.user, channel, "good morning", {});
  await until(
    async () =>
      (
        await parley.ledger.query({ text: "select 1 from channels where channel_id = any($1::text[])" }, [
          parley.space.channels,
        ])
      ).length === 3,
  );
});
afterEach(async () => {
  broken = false;
  for (const id of rules.splice(0)) await api("DELETE", `/api/access/rules/${id}`);
});
afterAll(async () => {
  await parley.close();
  later.close();
});

const api = <T>(method: string, path: string, body?: unknown) =>
  callApi<T>({ url: parley.url, token }, { method, path, body });

async function denyPost(agent: string): Promise<void> {
  const { body, status } = await api<{ rules: { id: string }[] }>("POST", "/api/access/rules", {
    at: `slack:${parley.channel}`,
    who: `agent:${agent}`,
    actions: ["post"],
    effect: "deny",
  });
  expect(status).toBe(201);
  rules.push(...body.rules.map((rule) => rule.id));
}

const post = (text: string): string => parley.slack.people.postAs(parley.user, parley.channel, text, {}).ts;
const ofApp = (): number => parley.slack.log.posts({ by: "app" }).length;
const finished = async (ts: string): Promise<boolean> =>
  (
    await parley.ledger.query(
      {
        text: "select 1 from events where envelope->'body'->>'messageId' = $1 and finished_at is not null",
      },
      [ts],
    )
  ).length === 1;
async function denials(action: string): Promise<{ rule: string }[]> {
  const rows = await parley.ledger.query<{ entries: string }>({
    text: 'select entries from audit_log where entries::jsonb @> \'[{"what": "denied"}]\' order by xact, id',
  });
  return rows
    .flatMap((row) => JSON.parse(row.entries) as { what: string; action?: string; rule: string }[])
    .filter((entry) => entry.action === action);
}
/** A turn of @later that waits for its deferred reply, and the address for it. */
async function waitingTurn(): Promise<{ ts: string; url: string }> {
  replyUrls = [];
  const ts = post(parley.ask("later", "take your time"));
  await until(() => replyUrls.length === 1);
  await until(
    async () =>
      (
        await parley.ledger.query({ text: "select 1 from turns where trigger_message_id = $1 and state = 'waiting'" }, [
          ts,
        ])
      ).length === 1,
  );
  return { ts, url: replyUrls[0] ?? "" };
}
async function reply(url: string, body: unknown): Promise<number> {
  const headers = { "content-type": "application/json" };
  return (await fetch(url, { method: "POST", headers, body: JSON.stringify(body) })).status;
}

it("R10: an agent that may not post says nothing, by whatever way it is made to", { timeout: 60_000 }, async () => {
  broken = true;
  const failed = post(parley.ask("talker", "try"));
  const [letter] = await until(async () => {
    const rows = await parley.ledger.query<{ id: string }>(
      {
        text: "select l.id from dead_letters l join turns t on t.id = l.turn_id where t.trigger_message_id = $1 and t.finished_at is not null",
      },
      [failed],
    );
    return rows.length === 1 ? rows : undefined;
  });
  broken = false;
  const waiting = await waitingTurn();
  await denyPost("talker");
  await denyPost("later");
  const before = ofApp();
  // Asked.
  const asked = post(parley.ask("talker", "say something"));
  await until(() => finished(asked));
  // Sent by an operator, by the API and by the command line's own route to it.
  const sent = await api<{ error: { detail: string } }>("POST", "/api/send", {
    agent: "talker",
    to: `slack:${parley.channel}`,
    text: "hello",
  });
  expect(sent).toMatchObject({
    status: 403,
    body: { error: { detail: expect.stringContaining("denied_at_channel") } },
  });
  expect(await denials("send")).toContainEqual(expect.objectContaining({ rule: "denied_at_channel" }));
  // Replayed.
  const replayed = await api<{ error: { detail: string } }>("POST", `/api/dead-letters/${letter?.id}/replay`);
  expect(replayed.status).toBe(403);
  expect(replayed.body.error.detail).toContain("denied_at_channel");
  // Answered later.
  await reply(waiting.url, { text: "late words" });
  await until(
    async () =>
      (
        await parley.ledger.query(
          { text: "select 1 from turns where trigger_message_id = $1 and finished_at is not null" },
          [waiting.ts],
        )
      ).length === 1,
    30_000,
  );
  expect(parley.slack.log.posts({ by: "app", textIncludes: "late words" })).toEqual([]);
  expect(ofApp()).toBe(before);
});

it("R15: nothing in a reply names another place, and what tries to is refused", { timeout: 60_000 }, async () => {
  const { ts, url } = await waitingTurn();
  const foreign = parley.space.channels[1] ?? "";
  const before = ofApp();
  const denied = (await denials("reply")).length;
  const fields = [
    "channel",
    "channelId",
    "channel_id",
    "conversation",
    "conversationId",
    "to",
    "target",
    "thread",
    "threadTs",
    "thread_ts",
    "installationId",
    "organizationId",
    "space",
    "team",
    "replyTo",
    "turnId",
    "epoch",
    "askerId",
    "user",
  ];
  for (const field of fields) {
    expect([field, await reply(url, { text: "out", [field]: foreign })]).toEqual([field, 400]);
    expect([field, await reply(url, { parts: [{ type: "text", markdown: "out" }], [field]: foreign })]).toEqual([
      field,
      400,
    ]);
    expect([field, await reply(url, { parts: [{ type: "text", markdown: "out", [field]: foreign }] })]).toEqual([
      field,
      400,
    ]);
    expect([field, await reply(`${url}?${field}=${foreign}`, { text: "out", [field]: foreign })]).toEqual([field, 400]);
  }
  expect(await denials("reply")).toHaveLength(denied + fields.length * 4);
  expect(ofApp()).toBe(before);
  // The turn is none the worse for it: its one reply goes where it was asked.
  expect(await reply(`${url}?channel=${foreign}`, { text: "in its place" })).toBe(202);
  await until(() => parley.slack.log.posts({ by: "app", textIncludes: "in its place" }).length === 1);
  expect(parley.slack.log.posts({ by: "app", textIncludes: "in its place" })[0]).toMatchObject({
    channel: parley.channel,
    threadTs: ts,
  });
});

it("R15: a forged, foreign, used, late or revoked reply address is good for nothing", { timeout: 60_000 }, async () => {
  const first = await waitingTurn();
  const second = await waitingTurn();
  const before = ofApp();
  const address = (url: string, token: string): string => url.replace(/[^/]+$/, token);
  const tokenOf = (url: string): string => url.split("/").at(-1) ?? "";
  const [id = "", proof = ""] = tokenOf(first.url).split(".");
  const [otherId = "", otherProof = ""] = tokenOf(second.url).split(".");
  const forged = [
    `${otherId}.${proof}`,
    `${id}.${otherProof}`,
    `${id}.${proof.slice(0, -2)}`,
    `${id}.${"A".repeat(proof.length)}`,
    `${id}`,
    `${id}.`,
    `.${proof}`,
    `${id}.${proof}.${proof}`,
    `${Buffer.from("t_unknown").toString("base64url")}.${proof}`,
    id.toUpperCase(),
  ];
  for (const one of forged) expect([401, 404]).toContain(await reply(address(first.url, one), { text: "forged" }));
  expect(ofApp()).toBe(before);
  // Used once, it is used up.
  expect(await reply(first.url, { text: "the one answer" })).toBe(202);
  expect(await reply(first.url, { text: "a second one" })).toBe(409);
  await until(() => parley.slack.log.posts({ by: "app", textIncludes: "the one answer" }).length === 1);
  expect(await reply(first.url, { text: "a third one" })).toBe(409);
  // Of a turn whose question is gone, and of an agent that was stopped.
  parley.slack.people.deleteAs(parley.user, parley.channel, second.ts);
  await until(
    async () =>
      (
        await parley.ledger.query(
          { text: "select 1 from turns where trigger_message_id = $1 and finished_at is not null" },
          [second.ts],
        )
      ).length === 1,
  );
  expect(await reply(second.url, { text: "to nobody" })).toBe(409);
  const third = await waitingTurn();
  await api("POST", "/api/agents/later/stop", { reason: "test" });
  expect(await reply(third.url, { text: "from a stopped one" })).toBe(403);
  await api("POST", "/api/agents/later/resume");
  expect(await reply(third.url, { text: "from one that was" })).toBe(409);
  for (const text of ["forged", "second one", "third one", "to nobody", "from a stopped one", "from one that was"])
    expect([text, parley.slack.log.posts({ by: "app", textIncludes: text })]).toEqual([text, []]);
  expect((await denials("reply")).map((entry) => entry.rule)).toEqual(
    expect.arrayContaining(["reply_used", "reply_ended", "agent_stopped"]),
  );
});
