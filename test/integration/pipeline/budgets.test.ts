import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type AgentYield, defineAgent } from "../../../agents/shared/agent-function.ts";
import type { AgentUsage } from "../../../src/contracts/agent-usage.ts";
import { ParleyError } from "../../../src/errors/parley-error.ts";
import { callApi } from "../../support/app/call-api.ts";
import { type SlackApp, startSlackApp, until } from "../../support/app/slack-app.ts";

let parley: SlackApp;
let token = "";
const invoked: string[] = [];
const gates = new Map<string, Promise<void>>();
const released = Promise.withResolvers<void>();

/** Answers, and tells what it used. */
const spender = (agent: string, usage?: { inputTokens: number; outputTokens: number; costMicroUsd?: number }) => ({
  kind: "function" as const,
  run: defineAgent(async function* (request): AsyncGenerator<AgentYield> {
    invoked.push(agent);
    if (request.trigger.text.includes("hold")) await gates.get(agent);
    if (request.trigger.text.includes("wait")) await released.promise;
    yield `${agent} answers`;
    if (usage !== undefined) yield { type: "done", usage };
  }),
});

beforeAll(async () => {
  parley = await startSlackApp([
    { handle: "counted", name: "Counted", connector: spender("counted"), budgets: { person: { turnsPerDay: 2 } } },
    {
      handle: "wordy",
      name: "Wordy",
      connector: spender("wordy", { inputTokens: 900, outputTokens: 101 }),
      budgets: { channel: { tokensPerDay: 2_000 } },
    },
    {
      handle: "dear",
      name: "Dear",
      connector: spender("dear", { inputTokens: 10, outputTokens: 10, costMicroUsd: 600_000 }),
      budgets: { agent: { usdPerDay: 1 } },
    },
    { handle: "single", name: "Single", connector: spender("single"), budgets: { agent: { turnsPerDay: 1 } } },
    {
      handle: "middle",
      name: "Middle",
      connector: {
        kind: "function",
        run: defineAgent(async function* () {
          yield "@asked what do you say?";
        }),
      },
    },
    { handle: "asked", name: "Asked", connector: spender("asked"), budgets: { person: { turnsPerDay: 1 } } },
    {
      handle: "failing",
      name: "Failing",
      connector: {
        kind: "function",
        run: defineAgent(() => {
          throw new ParleyError("AGENT_CRASHED", { facts: { inputTokens: 700, outputTokens: 40, costMicroUsd: 9 } });
        }),
      },
    },
    {
      handle: "parallel",
      name: "Parallel",
      connector: spender("parallel", { inputTokens: 300, outputTokens: 100 }),
      budgets: { agent: { tokensPerDay: 1_000 } },
    },
    {
      handle: "fresh",
      name: "Fresh",
      connector: spender("fresh", { inputTokens: 10, outputTokens: 10 }),
      budgets: { channel: { tokensPerDay: 1_000 } },
    },
    { handle: "free", name: "Free", connector: spender("free") },
  ]);
  token = (JSON.parse(readFileSync(join(parley.dataFolder, "operator.json"), "utf8")) as { token: string }).token; // written by Parley
});
afterAll(() => parley.close());

/** Turns that run by the ledger and have reserved nothing. */
const waitingAtGate = async (handle: string): Promise<number> =>
  (
    await parley.ledger.query(
      {
        text: "select t.id from turns t join agents a on a.id = t.agent_id where a.handle = $1 and t.state = 'running' and t.reserved is null",
      },
      [handle],
    )
  ).length;
const times = (agent: string): number => invoked.filter((one) => one === agent).length;
const post = (text: string, where: { user?: number; channel?: number } = {}): string =>
  parley.slack.people.postAs(
    parley.space.users[where.user ?? 0] ?? "",
    parley.space.channels[where.channel ?? 0] ?? "",
    text,
    {},
  ).ts;
const answersTo = (thread: string): string[] =>
  parley.slack.log.posts({ thread, by: "app" }).map((entry) => entry.text ?? "");
const ask = async (
  agent: string,
  where: { user?: number; channel?: number } = {},
): Promise<{ ts: string; answer: string }> => {
  const ts = post(parley.ask(agent, "now?"), where);
  const answer = await until(() => answersTo(ts)[0]);
  return { ts, answer };
};
const api = async <T>(path: string): Promise<T> =>
  (await callApi<T>({ url: parley.url, token }, { method: "GET", path })).body;

it("stops at a person's turns with one clear message, then a short one, and answers others", async () => {
  expect((await ask("counted")).answer).toContain("counted answers");
  expect((await ask("counted")).answer).toContain("counted answers");
  const third = await ask("counted");
  expect(third.answer).toMatch(
    /You have reached what Counted may do for one person in a day: 2 questions\. It answers again after 00:00 UTC, in \S+ \w+\./,
  );
  expect((await ask("counted")).answer).toMatch(
    /^Counted has nothing left for you today; it answers again in \S+ \w+\.$/,
  );
  expect((await ask("counted", { user: 1 })).answer).toContain("counted answers");
  expect(times("counted")).toBe(3);
  const { steps, state } = await until(async () => {
    const found = await api<{ state: string; steps: { verb: string; outcome: string; rule: string }[] }>(
      `/api/explain/${third.ts}`,
    );
    return found.state === "cancelled" ? found : undefined;
  });
  expect(state).toBe("cancelled");
  expect(steps.map((step) => `${step.verb}:${step.outcome}:${step.rule}`)).toEqual(
    expect.arrayContaining(["invoke:refused:budget_person", "render:reply_committed:budget_person"]),
  );
  const audited = await parley.ledger.query<{ entries: string }>({ text: "select entries from audit_log" });
  expect(audited.filter(({ entries }) => entries.includes('"budget_person"')).length).toBeGreaterThanOrEqual(2);
});

it("stops at a channel's tokens, and answers in others", async () => {
  for (let turn = 0; turn < 2; turn += 1) expect((await ask("wordy")).answer).toContain("wordy answers");
  expect((await ask("wordy", { user: 1 })).answer).toMatch(/^This channel has reached .* 2,000 tokens\./);
  expect((await ask("wordy", { channel: 1 })).answer).toContain("wordy answers");
});

it("stops at an agent's dollars, whoever asks", async () => {
  for (let turn = 0; turn < 2; turn += 1) expect((await ask("dear")).answer).toContain("dear answers");
  expect((await ask("dear", { user: 1, channel: 1 })).answer).toMatch(/^Dear has reached .* 1\.00 US dollars\./);
});

it("counts a turn that is at work, which is not cut", async () => {
  const first = post(parley.ask("single", "wait"));
  await until(() => times("single") === 1);
  expect((await ask("single", { user: 1, channel: 1 })).answer).toContain("Single has reached");
  released.resolve();
  await until(() => answersTo(first)[0]?.includes("single answers"));
  expect(times("single")).toBe(1);
});

it("reserves for turns at work what the largest before them used, so that many at once pass no limit by more than one", async () => {
  expect((await ask("parallel")).answer).toContain("parallel answers");
  const gate = Promise.withResolvers<void>();
  gates.set("parallel", gate.promise);
  const asked = Array.from({ length: 6 }, (_, user) =>
    post(parley.ask("parallel", `hold ${user}`), { user: user % 3 }),
  );
  // 400 are spent and each at work may use 400: two more begin, as long as anything is left.
  await until(() => times("parallel") === 3);
  await until(async () => (await waitingAtGate("parallel")) === 4);
  expect(times("parallel")).toBe(3);
  gate.resolve();
  await until(() => asked.every((ts) => answersTo(ts).length === 1));
  expect(times("parallel")).toBe(3);
  const refused = asked.flatMap(answersTo).filter((text) => !text.includes("parallel answers"));
  expect(refused).toHaveLength(4);
  const { usage } = await api<{ usage: AgentUsage }>("/api/agents/parallel/usage");
  expect(usage.today).toMatchObject({ turns: 3, inputTokens: 900, outputTokens: 300 });
});

it("lets a turn that had to wait begin once the others used less than they might have", async () => {
  const gate = Promise.withResolvers<void>();
  gates.set("fresh", gate.promise);
  const asked = Array.from({ length: 12 }, (_, index) => post(parley.ask("fresh", `hold ${index}`)));
  // Nothing is known of its turns: each reserves a tenth.
  await until(() => times("fresh") >= 10);
  await until(async () => (await waitingAtGate("fresh")) === 2);
  expect(times("fresh")).toBe(10);
  gate.resolve();
  await until(() => asked.every((ts) => answersTo(ts)[0]?.includes("fresh answers") === true));
  expect(times("fresh")).toBe(12);
});

it("counts what another agent asks for on behalf of the person who asked it", async () => {
  const first = post(parley.ask("middle", "ask them"));
  await until(() => times("asked") === 1);
  await until(() => answersTo(first).some((text) => text.includes("asked answers")));
  expect((await ask("asked")).answer).toContain("You have reached what Asked may do for one person");
  expect((await ask("asked", { user: 1 })).answer).toContain("asked answers");
});

it("counts what an agent used before it failed", async () => {
  expect((await ask("failing")).answer).toContain("Failing stopped with an error");
  const { usage } = await api<{ usage: AgentUsage }>("/api/agents/failing/usage");
  expect(usage.today).toEqual({ turns: 1, inputTokens: 700, outputTokens: 40, costMicroUsd: 9 });
});

it("lists what was used, and keeps nothing for agents without budgets that tell no usage", async () => {
  await ask("free");
  const { usage } = await api<{ usage: AgentUsage }>("/api/agents/dear/usage");
  expect(usage).toMatchObject({
    handle: "dear",
    budgets: { agent: { usdPerDay: 1 } },
    today: { turns: 2, inputTokens: 20, outputTokens: 20, costMicroUsd: 1_200_000 },
    people: [{ turns: 2 }],
    channels: [{ turns: 2 }],
  });
  expect(usage.days).toHaveLength(1);
  const all = await api<{ usage: AgentUsage[] }>("/api/usage");
  expect(all.usage.find(({ handle }) => handle === "wordy")?.today.inputTokens).toBe(2_700);
  expect(all.usage.find(({ handle }) => handle === "free")?.today.turns).toBe(0);
  expect(
    await parley.ledger.query({
      text: "select 1 from usage_totals u join agents a on a.id = u.agent_id where a.handle in ('free', 'middle')",
    }),
  ).toEqual([]);
  const missing = await callApi({ url: parley.url, token }, { method: "GET", path: "/api/agents/nobody/usage" });
  expect(missing.status).toBe(404);
});
