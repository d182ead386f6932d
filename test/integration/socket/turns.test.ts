import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import type { DialInAgent } from "../../support/agents/dial-in-agent.ts";
import { type DialInApp, startDialInApp } from "../../support/agents/dial-in-app.ts";
import { until } from "../../support/app/slack-app.ts";

let app: DialInApp;
const opened: DialInAgent[] = [];

beforeAll(async () => {
  app = await startDialInApp(["caller"]);
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

it("answers a question over the socket, and is shown as connected", async () => {
  const agent = await dial("caller", {
    onTurn: (start, on) => on.answer(start, `heard ${start.turn.trigger.text.at(-1)}`),
  });
  expect(agent.welcome?.agent).toMatchObject({ handle: "caller", name: "Caller" });
  expect(await app.answered(app.ask("caller", "question 7"))).toEqual(["heard 7"]);
  expect(agent.of("turn_end")).toHaveLength(1);
  await until(async () => (await app.agent("caller")).connection?.state === "connected");
  expect((await app.agent("caller")).connection).toMatchObject({ state: "connected", client: "bare 1" });
  const check = await app.api("POST", "/api/agents/caller/check");
  expect(check.body).toMatchObject({ ok: true, detail: expect.stringContaining("bare 1") });
});

it("keeps what it is asked while it is away, and answers in order when it dials in", async () => {
  await until(async () => (await app.agent("caller")).connection?.state === "away");
  const threads = [1, 2, 3].map((count) => app.ask("caller", `while away ${count}`));
  await until(
    async () => (await app.parley.ledger.query({ text: "select 1 from turns where state = 'queued'" })).length === 3,
  );
  await dial("caller", { onTurn: (start, on) => on.answer(start, start.turn.trigger.text) });
  for (const [index, thread] of threads.entries())
    expect((await app.answered(thread))[0]).toContain(`while away ${index + 1}`);
});
