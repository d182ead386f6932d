import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { defineAgent } from "../../../agents/shared/agent-function.ts";
import { verifyWebhook } from "../../../agents/webhook/index.ts";
import { callApi } from "../../support/app/call-api.ts";
import { type SlackApp, startSlackApp, until } from "../../support/app/slack-app.ts";

let parley: SlackApp;
let token = "";
let broken = true;
const calls: { headers: Record<string, string>; body: string; url: string }[] = [];

/** An agent that accepts every turn and answers later, at the address it was given. */
const later = createServer((request, response) => {
  void readBody(request).then((body) => {
    calls.push({
      headers: request.headers as Record<string, string>,
      body,
      url: (JSON.parse(body) as { reply_url: string }).reply_url,
    });
    response.writeHead(202).end();
  });
});

async function readBody(request: IncomingMessage): Promise<string> {
  let body = "";
  for await (const chunk of request) body += String(chunk);
  return body;
}

beforeAll(async () => {
  later.listen(0, "127.0.0.1");
  await once(later, "listening");
  parley = await startSlackApp([
    {
      handle: "flaky",
      name: "Flaky",
      connector: {
        kind: "function",
        run: defineAgent(async function* () {
          if (broken) throw new Error("not today");
          yield "all well now";
        }),
      },
    },
    {
      handle: "usher",
      name: "Usher",
      connector: {
        kind: "function",
        run: defineAgent(async function* () {
          yield { type: "handoff", agent: "nobody" };
        }),
      },
    },
  ]);
  token = (JSON.parse(readFileSync(join(parley.dataFolder, "operator.json"), "utf8")) as { token: string }).token;
});
afterAll(async () => {
  await parley.close();
  later.close();
});

const api = <T>(method: string, path: string, body?: unknown) =>
  callApi<T>({ url: parley.url, token }, { method, path, body });

const answers = (thread: string): string[] =>
  parley.slack.log.posts({ channel: parley.channel, thread, by: "app" }).map((entry) => entry.text ?? "");
const post = (text: string): string => parley.slack.people.postAs(parley.user, parley.channel, text, {}).ts;

it("explains the whole path of a message by its platform id", async () => {
  broken = false;
  const ts = post(parley.ask("flaky", "how are you?"));
  await until(() => answers(ts).length === 1);
  const { body } = await until(async () => {
    const found = await api<{
      state: string;
      steps: { verb: string; agent?: string; outcome: string; rule: string }[];
    }>("GET", `/api/explain/${ts}`);
    return found.body.state === "answered" ? found : undefined;
  });
  expect(body.steps.map((step) => `${step.verb}:${step.agent ?? ""}:${step.outcome}:${step.rule}`)).toEqual(
    expect.arrayContaining([
      "ingest::stored:commit_before_acknowledge",
      "route:flaky:turn:mention",
      "route:guide:no:not_addressed",
      "invoke:flaky:started:mention",
      "render:flaky:reply_committed:reply",
      "deliver:flaky:delivered:outbox_in_order",
      "deliver:flaky:answered:all_parts_settled",
    ]),
  );
  expect(body.steps[0]?.verb).toBe("ingest");
});

it("replays a dead letter once, under the same turn", async () => {
  broken = true;
  const ts = post(parley.ask("flaky", "and now?"));
  await until(() => answers(ts).length === 1);
  const { body } = await api<{ deadLetters: { id: string; turnId: string }[] }>("GET", "/api/dead-letters");
  const letter = body.deadLetters[0];
  broken = false;
  const replays = await Promise.all([1, 2, 3].map(() => api("POST", `/api/dead-letters/${letter?.id}/replay`)));
  expect(replays.map((replay) => replay.status).toSorted((a, b) => a - b)).toEqual([200, 409, 409]);
  await until(() => answers(ts).length === 2);
  expect(answers(ts)[1]).toContain("all well now");
  await until(
    async () => (await parley.ledger.query({ text: "select id from turns where finished_at is null" })).length === 0,
  );
  const [turn] = await parley.ledger.query<{ state: string; count: number }>(
    {
      text: "select state, (select count(*)::int from turns where event_id = t.event_id) as count from turns t where id = $1",
    },
    [letter?.turnId],
  );
  expect(turn).toEqual({ state: "answered", count: 1 });
});

it("does not replay what a person has taken back since", async () => {
  broken = true;
  const ts = post(parley.ask("flaky", "forget this"));
  await until(() => answers(ts).length === 1);
  parley.slack.people.deleteAs(parley.user, parley.channel, ts);
  await until(
    async () =>
      (
        await parley.ledger.query({ text: "select 1 from messages where message_id = $1 and deleted_at is not null" }, [
          ts,
        ])
      ).length === 1,
  );
  const { body } = await api<{ deadLetters: { id: string; turnId: string }[] }>("GET", "/api/dead-letters");
  const replay = await api<{ error: { detail: string } }>(
    "POST",
    `/api/dead-letters/${body.deadLetters[0]?.id}/replay`,
  );
  broken = false;
  expect(replay).toMatchObject({ status: 409, body: { error: { detail: expect.stringContaining("deleted") } } });
  expect(answers(ts)).toHaveLength(1);
});

it("says when there is nobody to hand over to", async () => {
  const ts = post(parley.ask("usher", "who knows?"));
  await until(() => answers(ts).length === 1);
  expect(answers(ts)[0]).toContain("There is no agent @nobody here");
});

it("posts a text as an agent once, however often the request is repeated", async () => {
  const name = "slack:channel-1";
  const request = { agent: "flaky", to: name, text: "good morning", idempotencyKey: "morning-1" };
  const sent = await Promise.all([1, 2, 3].map(() => api<{ deliveryIds: string[] }>("POST", "/api/send", request)));
  expect(sent.map((one) => one.status)).toEqual([202, 202, 202]);
  expect(new Set(sent.flatMap((one) => one.body.deliveryIds)).size).toBe(1);
  await until(() => parley.slack.log.posts({ by: "app", textIncludes: "good morning" }).length > 0);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(parley.slack.log.posts({ by: "app", textIncludes: "good morning" })).toHaveLength(1);
});

it("registers a webhook agent, signs its turn, and takes one deferred reply at the turn's own address", async () => {
  const url = `http://127.0.0.1:${(later.address() as AddressInfo).port}/turns`;
  const added = await api<{ agent: { handle: string }; secret: string }>("POST", "/api/agents", {
    handle: "remote",
    name: "Remote",
    connector: { kind: "webhook", url },
  });
  expect(added.status).toBe(201);
  expect(added.body.secret).toMatch(/^whsec_/);
  expect(
    (await api("POST", "/api/agents", { handle: "remote", name: "Again", connector: { kind: "webhook", url } })).status,
  ).toBe(409);

  const ts = post(parley.ask("remote", "take your time"));
  const call = await until(() => calls[0]);
  expect(() => verifyWebhook(call.headers, call.body, [added.body.secret], Date.now())).not.toThrow();
  expect(() => verifyWebhook(call.headers, `${call.body} `, [added.body.secret], Date.now())).toThrow(
    "SIGNATURE_INVALID",
  );
  await until(
    async () => (await parley.ledger.query({ text: "select id from turns where state = 'waiting'" })).length === 1,
  );

  const reply = (body: unknown): Promise<number> =>
    fetch(call.url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    }).then((response) => response.status);
  expect(await reply({ parts: [{ type: "text", markdown: "x", channel: "C-elsewhere" }] })).toBe(400);
  const statuses = await Promise.all([reply({ text: "here it is" }), reply({ text: "here it is again" })]);
  expect(statuses.filter((status) => status < 300)).toHaveLength(1);
  await until(() => answers(ts).length === 1);
  expect(answers(ts)[0]).toContain("here it is");
  expect(await reply({ text: "late" })).toBe(409);
  const foreign = `${call.url.slice(0, -3)}abc`;
  expect(
    (await fetch(foreign, { method: "POST", headers: { "content-type": "application/json" }, body: '{"text":"x"}' }))
      .status,
  ).toBe(401);
  expect(calls).toHaveLength(1);
});

it("keeps an agent's secrets out of the ledger's plain text", async () => {
  const rows = await parley.ledger.query<{ row: string }>({ text: "select to_jsonb(a)::text as row from agents a" });
  expect(rows.length).toBeGreaterThan(0);
  expect(rows.some(({ row }) => row.includes("whsec_"))).toBe(false);
  const installations = await parley.ledger.query<{ row: string }>({
    text: "select to_jsonb(i)::text as row from installations i",
  });
  expect(installations.some(({ row }) => row.includes("xoxb-"))).toBe(false);
});
