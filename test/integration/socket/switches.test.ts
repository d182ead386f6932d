import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { CLOSE_CODES } from "../../../src/contracts/dial-in-protocol.ts";
import type { DialInAgent } from "../../support/agents/dial-in-agent.ts";
import { type DialInApp, startDialInApp } from "../../support/agents/dial-in-app.ts";
import { until } from "../../support/app/slack-app.ts";

let app: DialInApp;
const opened: DialInAgent[] = [];

beforeAll(async () => {
  app = await startDialInApp(["caller", "other"]);
});
afterAll(() => app.close());
afterEach(async () => {
  for (const agent of opened.splice(0)) await agent.close();
});

async function dial(...args: Parameters<DialInApp["dial"]>): Promise<DialInAgent> {
  const agent = await app.dial(...args);
  opened.push(agent);
  return agent;
}

async function audited(change: string): Promise<number> {
  const rows = await app.parley.ledger.query<{ entries: string }>({ text: "select entries from audit_log" });
  return rows.filter(({ entries }) => entries.includes(change)).length;
}

it("closes the connection at once when its token is rotated in the middle of a turn, and the turn goes on with the new one", async () => {
  const first = await dial("caller", { onTurn: (start, on) => on.accept(start) });
  const thread = app.ask("caller", "are you there?");
  await first.until(() => first.open.size === 1);
  const token = await app.token("caller");
  expect(await first.closed).toMatchObject({ code: CLOSE_CODES.revoked });
  await dial("caller", { token, onTurn: (start, on) => on.answer(start, "with the new token") });
  expect(await app.answered(thread)).toEqual(["with the new token"]);
  expect(await audited("agent_token_rotated")).toBeGreaterThan(0);
});

it("refuses the token of before, a revoked one, and one of another agent's connection", async () => {
  const before = await app.token("caller");
  const now = await app.token("caller");
  await expect(app.dial("caller", { token: before })).rejects.toThrow("401");
  const agent = await dial("caller", { token: now });
  expect((await app.api("DELETE", "/api/agents/caller/token")).status).toBe(204);
  expect(await agent.closed).toMatchObject({ code: CLOSE_CODES.revoked });
  await expect(app.dial("caller", { token: now })).rejects.toThrow("401");
  expect((await app.api("DELETE", "/api/agents/caller/token")).status).toBe(404);
  expect((await app.api("POST", "/api/agents/nobody/token")).status).toBe(404);
  await app.token("caller");
});

it("disconnects an agent that is stopped, and takes it again when it works again", async () => {
  const agent = await dial("other", { onTurn: (start, on) => on.answer(start, "here") });
  expect((await app.api("POST", "/api/agents/other/stop", { reason: "a test" })).status).toBe(200);
  expect(await agent.closed).toMatchObject({ code: CLOSE_CODES.revoked });
  await expect(app.dial("other")).rejects.toThrow("401");
  expect((await app.api("POST", "/api/agents/other/resume")).status).toBe(200);
  await dial("other", { onTurn: (start, on) => on.answer(start, "here again") });
  expect(await app.answered(app.ask("other", "are you there?"))).toEqual(["here again"]);
});

it("disconnects an agent that is removed, and gives its token to nobody who comes after it", async () => {
  const definition = { handle: "passing", name: "Passing", connector: { kind: "socket" } };
  const added = await app.api<{ secret: string }>("POST", "/api/agents", definition);
  expect(added.status).toBe(201);
  const agent = await dial("passing", { token: added.body.secret });
  expect((await app.agent("passing")).connectorKind).toBe("socket");
  expect((await app.api("DELETE", "/api/agents/passing")).status).toBe(204);
  expect(await agent.closed).toMatchObject({ code: CLOSE_CODES.revoked });
  expect((await app.api("POST", "/api/agents", definition)).status).toBe(201);
  await expect(app.dial("passing", { token: added.body.secret })).rejects.toThrow("401");
});

it("keeps an agent's turns from every other agent", async () => {
  const mine = await dial("caller", { onTurn: (start, on) => on.accept(start) });
  const other = await dial("other");
  const thread = app.ask("caller", "for you alone");
  await mine.until(() => mine.open.size === 1);
  const [turnId = ""] = mine.open.keys();
  other.send({ type: "event", turnId, attempt: 1, n: 1, event: { type: "done" } });
  await other.until(() => other.of("error").length === 1);
  expect(other.of("error")[0]).toMatchObject({ code: "turn_unknown" });
  mine.event(turnId, { type: "text_delta", markdown: "mine" });
  mine.event(turnId, { type: "done" });
  expect(await app.answered(thread)).toEqual(["mine"]);
});

it("ends a turn that people stop, and tells the agent", async () => {
  const agent = await dial("caller", { onTurn: (start, on) => on.accept(start) });
  app.ask("caller", "a long one");
  await agent.until(() => agent.open.size === 1);
  const [row] = await app.parley.ledger.query<{ id: string }>({
    text: "select reply_conversation_id as id from turns where state = 'running'",
  });
  await app.api("POST", "/api/agents/caller/stop", { reason: "enough" });
  await until(() => agent.of("turn_cancel").length === 1 || agent.isGone);
  expect(row?.id).toBeDefined();
  await app.api("POST", "/api/agents/caller/resume");
});
