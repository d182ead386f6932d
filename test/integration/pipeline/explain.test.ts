import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ExplanationAnswer } from "../../../adapters/web/explanation.ts";
import { MessagesAnswer, PostAnswer, RoomsAnswer, WebRoom } from "../../../adapters/web/protocol.ts";
import { defineAgent } from "../../../agents/shared/agent-function.ts";
import type { Explanation } from "../../../src/contracts/operations.ts";
import { type SlackApp, startSlackApp, until } from "../../support/app/slack-app.ts";
import { WebClient } from "../../support/web/web-client.ts";

let parley: SlackApp;
let token = "";
let owner: WebClient;
let member: WebClient;
let room = "";

beforeAll(async () => {
  parley = await startSlackApp([
    {
      handle: "speaker",
      name: "Speaker",
      connector: {
        kind: "function",
        run: defineAgent(async function* () {
          yield "as asked";
        }),
      },
    },
  ]);
  token = (JSON.parse(readFileSync(join(parley.dataFolder, "operator.json"), "utf8")) as { token: string }).token;
  const link = await fetch(`${parley.url}/api/sign-in-links`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}` },
  });
  owner = new WebClient(parley.url);
  await owner.signIn(((await link.json()) as { link: string }).link);
  const invite = await owner.ok<{ url: string }>("POST", "/invites", { name: "Mia", role: "member" });
  member = new WebClient(parley.url);
  await member.signIn(invite.url);
  room = RoomsAnswer.parse(await owner.ok("GET", "/rooms")).rooms.find((one) => one.kind === "public")?.id ?? "";
});
afterAll(() => parley.close());

async function explain(reference: string, bearer = token): Promise<{ status: number; body: Explanation }> {
  const answer = await fetch(`${parley.url}/api/explain/${encodeURIComponent(reference)}`, {
    headers: { authorization: `Bearer ${bearer}` },
  });
  return { status: answer.status, body: (await answer.json()) as Explanation };
}

/** Asks in a room and waits for the answer; resolves with the ids of both posts. */
async function askIn(roomId: string): Promise<{ question: string; answer: string }> {
  const body = { text: "@speaker speak", uploadIds: [], clientMessageId: crypto.randomUUID() };
  const question = PostAnswer.parse(await owner.ok("POST", `/rooms/${roomId}/messages`, body)).post.id;
  const answer = await until(async () => {
    const { posts } = MessagesAnswer.parse(
      await owner.ok("GET", `/rooms/${roomId}/messages?limit=50&thread=${question}`),
    );
    const { posts: all } = MessagesAnswer.parse(await owner.ok("GET", `/rooms/${roomId}/messages?limit=50`));
    return [...posts, ...all].find((post) => post.author.kind === "agent" && post.text.includes("as asked"))?.id;
  });
  return { question, answer };
}

it("explains a message of Slack by its permalink, with its records of the audit log and their seals", async () => {
  const { ts } = parley.slack.people.postAs(parley.user, parley.channel, parley.ask("speaker", "go on"), {});
  await until(() => parley.slack.log.posts({ channel: parley.channel, thread: ts, by: "app" }).length > 0);
  const permalink = `https://acme.slack.com/archives/${parley.channel}/p${ts.replace(".", "")}`;
  const { body } = await until(async () => {
    const found = await explain(permalink);
    const records = found.body.auditRecords ?? [];
    return found.body.state === "answered" && records.length > 0 && records.every(({ seal }) => seal !== null)
      ? found
      : undefined;
  });
  expect(body.eventId).toBe((await explain(ts)).body.eventId);
  const kinds = new Set(body.auditRecords.flatMap((record) => record.what));
  expect([...kinds]).toEqual(expect.arrayContaining(["admission", "output", "delivery"]));
  const audited = (verb: string) =>
    body.steps.filter((step) => step.verb === verb).map((step) => step.detail?.["auditRecord"]);
  const ids = new Set<unknown>(body.auditRecords.map((record) => record.id));
  for (const verb of ["ingest", "render"]) expect(audited(verb).some((id) => ids.has(id))).toBe(true);
  // The answer itself leads to the same timeline.
  const post = parley.slack.log.posts({ channel: parley.channel, thread: ts, by: "app" })[0];
  expect(
    (await explain(`https://acme.slack.com/archives/${parley.channel}/p${post?.ts?.replace(".", "")}`)).body.eventId,
  ).toBe(body.eventId);
  expect(
    (await explain(`https://acme.slack.com/archives/${parley.space.channels[1]}/p${ts.replace(".", "")}`)).status,
  ).toBe(404);
});

it("shows members of a room why an answer came about, and to everybody else it is not there", async () => {
  const { question, answer } = await askIn(room);
  for (const client of [owner, member])
    for (const post of [question, answer]) {
      const explanation = await until(async () => {
        const found = ExplanationAnswer.parse(await client.ok("GET", `/messages/${post}/explanation`));
        return found.state === "answered" ? found : undefined;
      });
      expect(explanation.steps.map((step) => `${step.verb}:${step.agent ?? ""}:${step.outcome}:${step.rule}`)).toEqual(
        expect.arrayContaining(["route:speaker:turn:mention", "deliver:speaker:answered:all_parts_settled"]),
      );
      expect(explanation.auditRecords.length).toBeGreaterThan(0);
    }
  const hidden = WebRoom.parse(await owner.ok("POST", "/rooms", { name: "hidden", kind: "private", topic: "" })).id;
  const inside = await askIn(hidden);
  for (const post of [inside.question, inside.answer]) {
    expect((await owner.request("GET", `/messages/${post}/explanation`)).status).toBe(200);
    expect((await member.request("GET", `/messages/${post}/explanation`)).status).toBe(404);
  }
  expect((await member.request("GET", "/messages/m_unknown/explanation")).status).toBe(404);
  expect((await new WebClient(parley.url).request("GET", `/messages/${answer}/explanation`)).status).toBe(401);
});
