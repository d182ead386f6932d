import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { approvalActionId } from "../../../adapters/slack/actions.ts";
import { CLOSE_CODES } from "../../../src/contracts/dial-in-protocol.ts";
import type { DialInAgent } from "../../support/agents/dial-in-agent.ts";
import { type DialInApp, startDialInApp } from "../../support/agents/dial-in-app.ts";
import { until } from "../../support/app/slack-app.ts";

/** What an agent asks of Parley and of people over the socket, and how a process takes its leave. */

let app: DialInApp;
const opened: DialInAgent[] = [];

beforeAll(async () => {
  app = await startDialInApp(["caller"], { definition: { turnMode: "steer" } });
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

it("asks people, waits over a drop, and is told the decision once", async () => {
  const part = {
    type: "approval_request" as const,
    approvalId: "deploy",
    prompt: "Deploy to production?",
    options: [
      { id: "yes", label: "Deploy", effect: "allow" as const },
      { id: "no", label: "Leave it", effect: "deny" as const },
    ],
  };
  const first = await dial("caller", { onTurn: (start, on) => on.accept(start) });
  const thread = app.ask("caller", "please deploy");
  await first.until(() => first.open.size === 1);
  const [turnId = ""] = first.open.keys();
  const request = {
    type: "request",
    turnId,
    callId: "q1",
    part,
    binding: { name: "deploy", arguments: { to: "production" } },
  } as const;
  first.send(request);
  await app.answered(thread);
  first.drop();
  const second = await dial("caller", { hello: { turns: [{ turnId, attempt: 1, sent: 0 }] } });
  expect(second.welcome?.turns).toEqual([{ turnId, state: "continue", received: 0 }]);
  second.send(request);
  const { slack, channel, user, space } = app.parley;
  const asked = slack.core
    .channel(channel)
    .messages.find(({ author, threadTs }) => author.botId === space.bot.botId && threadTs === thread);
  await slack.gestures.clickButton(user, { channel, ts: asked?.ts ?? "" }, approvalActionId("deploy", 0));
  await second.until(() => second.of("request_result").length > 0, 20_000);
  expect(second.of("request_result")).toMatchObject([
    { turnId, callId: "q1", outcome: { state: "decided", optionId: "yes", effect: "allow" } },
  ]);
  second.open.set(turnId, { attempt: 1, sent: 0, acknowledged: 0 });
  second.event(turnId, { type: "text_delta", markdown: "deployed" });
  second.event(turnId, { type: "done" });
  await until(() => app.answers(thread).includes("deployed"));
});

it("calls the turn's tools, and hears what people say meanwhile", async () => {
  const agent = await dial("caller", {
    hello: { capabilities: { steer: true, tools: true, maxTurns: 4 } },
    onTurn: (start, on) => on.accept(start),
  });
  const thread = app.ask("caller", "look around");
  await agent.until(() => agent.open.size === 1);
  const [turnId = ""] = agent.open.keys();
  const offered = agent.of("turn_start")[0]?.tools?.map(({ name }) => name) ?? [];
  expect(offered).toContain("roster");
  agent.send({ type: "tool_call", turnId, callId: "c1", name: "roster", input: {} });
  await agent.until(() => agent.of("tool_result").length === 1);
  expect(agent.of("tool_result")[0]).toMatchObject({ turnId, callId: "c1", ok: true });
  app.parley.slack.people.postAs(app.parley.user, app.parley.channel, app.parley.ask("caller", "and be quick"), {
    threadTs: thread,
  });
  await agent.until(() => agent.of("turn_message").length === 1, 20_000);
  expect(agent.of("turn_message")[0]?.message.text).toContain("and be quick");
  agent.event(turnId, { type: "text_delta", markdown: "quick" });
  agent.event(turnId, { type: "done" });
  await until(() => app.answers(thread).includes("quick"));
});

it("lets a turn end before the process does, and then tells the agent to dial in again", {
  timeout: 60_000,
}, async () => {
  const agent = await dial("caller", {
    onTurn(start, on) {
      on.accept(start);
      setTimeout(() => on.answer(start, "in time"), 1_500);
    },
  });
  app.ask("caller", "one more");
  await agent.until(() => agent.open.size === 1);
  const stopped = app.parley.app.stop("test");
  expect(await agent.closed).toMatchObject({ code: CLOSE_CODES.draining });
  expect(agent.of("turn_end")).toHaveLength(1);
  await stopped;
  // Its posts may be left to the next process: what counts is that the answer is kept.
  const [turn] = await app.parley.ledger.query<{ outcome: string }>({
    text: "select outcome from turns order by order_no desc limit 1",
  });
  expect(turn?.outcome).toBe("answered");
});
