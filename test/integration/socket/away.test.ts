import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
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

async function conversationOf(thread: string): Promise<{ rings: number; due: boolean; queued: number }> {
  const [row] = await app.parley.ledger.query<{ rings: number; due: boolean; queued: number }>(
    {
      text: `select c.rings::int as rings, c.due_at is not null as due,
          (select count(*)::int from turns t where t.reply_conversation_id = c.id and t.state = 'queued') as queued
        from conversations c where c.thread_id = $1`,
    },
    [thread],
  );
  return row ?? { rings: 0, due: false, queued: 0 };
}

it("tells people once that the agent is not connected, without spinning meanwhile, and answers when it is back", {
  timeout: 90_000,
}, async () => {
  const thread = app.ask("caller", "first");
  await until(async () => (await conversationOf(thread)).queued === 1);
  await until(async () => !(await conversationOf(thread)).due);
  const { rings } = await conversationOf(thread);
  const [notice] = await app.answered(thread, 1, 25_000);
  expect(notice).toContain("Caller is not connected right now");
  const [channel = ""] = app.parley.space.channels;
  app.parley.slack.people.postAs(app.parley.user, channel, app.parley.ask("caller", "second"), { threadTs: thread });
  await until(async () => (await conversationOf(thread)).queued === 2);
  // Nothing is looked at again while it is away: no bell, and no second notice.
  await new Promise((resolve) => setTimeout(resolve, 8_000));
  const later = await conversationOf(thread);
  expect(later.due).toBe(false);
  expect(later.rings - rings).toBeLessThanOrEqual(3);
  expect(app.answers(thread)).toHaveLength(1);
  await dial("caller", {
    onTurn: (start, on) => on.answer(start, start.turn.trigger.text.trim().split(" ").at(-1) ?? ""),
  });
  expect((await app.answered(thread, 3)).slice(1)).toEqual(["first", "second"]);
});

it("lets a conversation with another agent go on meanwhile", async () => {
  await dial("other", { onTurn: (start, on) => on.answer(start, "here") });
  app.ask("caller", "nobody hears this yet");
  expect(await app.answered(app.ask("other", "are you there?"))).toEqual(["here"]);
});

it("keeps a turn of an inbox for a day, and ends it then with one notice", { timeout: 90_000 }, async () => {
  const thread = app.ask("caller", "too late");
  await until(async () => (await conversationOf(thread)).queued === 1);
  const old = (interval: string) =>
    app.parley.ledger.query({
      text: `update turns set created_at = now() - interval '${interval}', deadline_at = now() - interval '${interval}'
        where reply_conversation_id = (select id from conversations where thread_id = '${thread}')`,
    });
  await old("23 hours");
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  expect((await conversationOf(thread)).queued).toBe(1);
  await old("25 hours");
  await until(() => app.answers(thread).some((text) => text.includes("cannot be reached")), 20_000);
  const [turn] = await app.parley.ledger.query<{ state: string }>({
    text: `select state from turns where reply_conversation_id = (select id from conversations where thread_id = '${thread}')`,
  });
  expect(turn?.state).toMatch(/dead_lettered|delivering/);
});
