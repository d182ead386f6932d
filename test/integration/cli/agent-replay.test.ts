import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { callApi } from "../../support/app/call-api.ts";
import { type SlackApp, startSlackApp, until } from "../../support/app/slack-app.ts";
import { ROOT, runParley } from "./run-parley.ts";

const OPERATOR = "prl_op_uQ7cVn3xK9wRt5Zb2mLd8Hs4Jf6Pg1Ya";
const ECHO = path.join(ROOT, "test/support/agents/programs/dial-in-echo.ts");

let parley: SlackApp;
let turnId: string;
let messageTs: string;

beforeAll(async () => {
  parley = await startSlackApp(
    [{ handle: "helper", name: "Helper", connector: { kind: "function", run: () => "recorded answer" } }],
    { env: { PARLEY_TOKEN: OPERATOR } },
  );
  parley.slack.people.postAs(parley.user, parley.channel, "said before", {});
  await until(async () => (await parley.ledger.query({ text: "select 1 from messages" })).length === 1);
  const { ts } = parley.slack.people.postAs(parley.user, parley.channel, parley.ask("helper", "what now?"), {});
  messageTs = ts;
  await until(() => parley.slack.log.posts({ thread: ts, by: "app" })[0]);
  parley.slack.people.postAs(parley.user, parley.channel, "said later", {});
  const [turn] = await parley.ledger.query<{ id: string }>({ text: "select id from turns" });
  turnId = turn?.id ?? "";
}, 60_000);
afterAll(() => parley?.close());

function replay(...args: string[]) {
  const env = { PARLEY_URL: parley.url, PARLEY_TOKEN: OPERATOR };
  return runParley(["agent", "replay", ...args], { cwd: parley.dataFolder, env });
}

function posts(): number {
  return parley.slack.log.posts({ by: "app" }).length;
}

describe("parley agent replay", { timeout: 60_000 }, () => {
  test("shows what a development agent says to a recorded turn beside what was said, and posts nothing", async () => {
    const before = posts();
    const { code, stdout, stderr } = await replay(turnId, "--", process.execPath, ECHO);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/Recorded \(answered\)\n {2}recorded answer/);
    expect(stdout).toMatch(/Now\n {2}.*what now\?/);
    expect(posts()).toBe(before);
    const turns = await parley.ledger.query({ text: "select 1 from turns" });
    expect(turns).toHaveLength(1);
  });

  test("gives what was said before the message, and not what came later", async () => {
    const { code, stdout } = await replay("--json", turnId, "--", process.execPath, ECHO);
    expect(code).toBe(0);
    const { request, reply } = JSON.parse(stdout);
    expect(request).toMatchObject({ turnId, reason: "mention", agent: { handle: "helper" } });
    expect(request.transcript.map(({ text }: { text: string }) => text)).toEqual(["said before"]);
    expect(reply).toEqual([{ type: "text", markdown: "recorded answer" }]);
  });

  test("is refused for a turn that there is none of", async () => {
    const { code, stderr } = await replay("t_none", "--", process.execPath, ECHO);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining("no such turn") });
  });

  test("is refused when the right of then is gone, and the refusal is in the audit log", async () => {
    parley.slack.people.deleteAs(parley.user, parley.channel, messageTs);
    await until(
      async () =>
        (await parley.ledger.query({ text: "select 1 from messages where deleted_at is not null" })).length > 0,
    );
    const { code, stderr } = await replay(turnId, "--", process.execPath, ECHO);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining("message_deleted") });
    const denied = await parley.ledger.query({
      text: "select 1 from audit_log where entries like '%read_turn_again%' and entries like '%message_deleted%'",
    });
    expect(denied).toHaveLength(1);
    const seen = await parley.ledger.query({
      text: "select 1 from audit_log where entries like '%given_again_for_development%'",
    });
    expect(seen.length).toBeGreaterThanOrEqual(2);
  });

  test("is nothing for a token without the scope", async () => {
    const { body } = await callApi<{ secret: string }>(
      { url: parley.url, token: OPERATOR },
      { method: "POST", path: "/api/tokens", body: { name: "reader", scopes: ["read"] } },
    );
    const answer = await callApi(
      { url: parley.url, token: body.secret },
      { method: "GET", path: `/api/turns/${turnId}/request` },
    );
    expect(answer.status).toBe(403);
  });
});
