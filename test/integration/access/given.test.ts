import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { defineAgent } from "../../../agents/shared/agent-function.ts";
import type { TurnRequest } from "../../../src/contracts/connector.ts";
import { type SlackApp, startSlackApp, until } from "../../support/app/slack-app.ts";

let parley: SlackApp;
const given: TurnRequest[] = [];

const spy = defineAgent(async function* (request) {
  given.push(request);
  yield "thank you";
});
const failing = defineAgent(async function* (request) {
  given.push(request);
  yield "I";
  throw new Error("and no more");
});

beforeAll(async () => {
  parley = await startSlackApp([
    { handle: "spy", name: "Spy", connector: { kind: "function", run: spy } },
    { handle: "failing", name: "Failing", connector: { kind: "function", run: failing } },
  ]);
});
afterAll(() => parley.close());

async function audit(part: string): Promise<{ what: string; [key: string]: unknown }[]> {
  const rows = await parley.ledger.query<{ entries: string }>(
    { text: "select entries from audit_log where strpos(entries, $1) > 0" },
    [part],
  );
  return rows.flatMap(({ entries }) => JSON.parse(entries) as { what: string }[]); // written by appendAudit
}

it("is nothing of a channel's history and people for an agent that may not read them, and the log says why", async () => {
  const { slack, user, channel } = parley;
  const { token } = JSON.parse(readFileSync(join(parley.dataFolder, "operator.json"), "utf8")) as { token: string }; // our own file
  const answer = await fetch(`${parley.url}/api/access/rules`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ who: "agent:spy", actions: ["read_history", "read_roster"], effect: "deny" }),
  });
  expect(answer.status).toBe(201);
  slack.people.postAs(user, channel, "something said before");
  slack.people.postAs(user, channel, parley.ask("spy", "what was said?"));
  const request = await until(() => given.find(({ trigger }) => trigger.text.includes("what was said?")));
  expect(request.transcript).toEqual([]);
  expect(request.roster).toEqual([]);
  const denied = (await audit(request.turnId)).filter(({ what }) => what === "denied");
  expect(denied.map(({ action }) => action)).toEqual(["read_history", "read_roster"]);
  expect(denied[0]?.["rule"]).toBe("denied_at_organization");
});

it("is in the log although its turn failed", async () => {
  const { slack, user } = parley;
  const [, channel = ""] = parley.space.channels;
  const { ts } = slack.people.postAs(user, channel, "said before it failed");
  await until(async () => {
    const rows = await parley.ledger.query({ text: "select 1 from messages where message_id = $1" }, [ts]);
    return rows.length > 0;
  });
  slack.people.postAs(user, channel, parley.ask("failing", "fail please"));
  const request = await until(() => given.find(({ trigger }) => trigger.text.includes("fail please")));
  expect(request.transcript.map(({ messageId }) => messageId)).toContain(ts);
  const output = await until(async () =>
    (await audit(request.turnId)).find(({ what, turn }) => what === "output" && turn === request.turnId),
  );
  expect(output["outcome"]).toBe("dead_lettered");
  expect(output["context"]).toContain(ts);
});
