import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import type { DialInAgent, TurnStart } from "../../support/agents/dial-in-agent.ts";
import { type DialInApp, startDialInApp } from "../../support/agents/dial-in-app.ts";
import { until } from "../../support/app/slack-app.ts";

/** The rows F16 to F20 of the fault table, for agents that dial in. */

const HANDLES = ["hangs", "drips", "crashes", "garbage", "twice", "poison", "fine"] as const;
const WAIT_MS = 60_000;

let app: DialInApp;
const opened: DialInAgent[] = [];

beforeAll(async () => {
  app = await startDialInApp(HANDLES, { definition: { turnTimeoutMs: 8_000, idleTimeoutMs: 1_500 } });
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

const say = (start: TurnStart, on: DialInAgent, markdown: string): boolean =>
  on.event(start.turn.turnId, { type: "text_delta", markdown });

async function deadLetters(): Promise<number> {
  const [row] = await app.parley.ledger.query<{ count: number }>({
    text: "select count(*)::int as count from dead_letters",
  });
  return row?.count ?? 0;
}

/** The others are answered while one agent fails, and without delay. */
async function othersAreFine(): Promise<void> {
  const agent = await dial("fine", { onTurn: (start, on) => on.answer(start, "fine") });
  const startedMs = performance.now();
  expect(await app.answered(app.ask("fine", "and you?"))).toEqual(["fine"]);
  expect(performance.now() - startedMs).toBeLessThan(5_000);
  await agent.close();
}

it("F16: an agent that hangs, or drips, is ended in time with one notice, and its slot is free", {
  timeout: WAIT_MS,
}, async () => {
  const hangs = await dial("hangs", { onTurn: (start, on) => on.accept(start) });
  const drips = await dial("drips", {
    async onTurn(start, on) {
      while (say(start, on, ".")) await new Promise((resolve) => setTimeout(resolve, 300));
    },
  });
  const threads = [app.ask("hangs", "hello"), app.ask("drips", "hello")];
  await othersAreFine();
  for (const thread of threads)
    await until(() => app.answers(thread).some((text) => text.includes("did not answer in time")), 30_000);
  await until(() => hangs.open.size === 0 && drips.open.size === 0);
  expect(hangs.of("turn_cancel")).toMatchObject([{ reason: "out of time" }]);
  for (const thread of threads)
    expect(app.answers(thread).filter((text) => text.includes("did not answer"))).toHaveLength(1);
});

it("F17: of an agent that dies in the middle of an answer, no half of it is the answer", {
  timeout: WAIT_MS,
}, async () => {
  const first = await dial("crashes", {
    onTurn(start, on) {
      say(start, on, "only half of");
      setTimeout(() => on.drop(), 300);
    },
  });
  const thread = app.ask("crashes", "tell me all");
  await first.closed;
  await dial("crashes", { onTurn: (start, on) => on.answer(start, "all of it") });
  await until(() => app.answers(thread).includes("all of it"), 30_000);
  expect(app.answers(thread)).toEqual(["all of it"]);
});

it("F18: garbage is refused, with one notice and one dead letter, and costs nobody else anything", {
  timeout: WAIT_MS,
}, async () => {
  const before = await deadLetters();
  const agent = await dial("garbage", {
    onTurn(start, on) {
      on.accept(start);
      on.raw("[".repeat(50_000));
      on.raw("\u0000");
      on.event(start.turn.turnId, {
        type: "part",
        part: { type: "text", markdown: 7, nested: { "\ud800": "\u0000" } },
      });
    },
  });
  const thread = app.ask("garbage", "hello");
  await othersAreFine();
  await until(() => app.answers(thread).length > 0, 30_000);
  expect(app.answers(thread)).toEqual([expect.stringContaining("not a valid reply")]);
  expect(agent.of("error").map(({ code }) => code)).toEqual(["frame_invalid", "frame_invalid", "reply_refused"]);
  expect(await deadLetters()).toBe(before + 1);
  expect(agent.isGone).toBe(false);
});

it("F19: what is said twice, too late, or for another turn is posted once", { timeout: WAIT_MS }, async () => {
  const agent = await dial("twice", {
    onTurn(start, on) {
      const { turnId, attempt } = start.turn;
      const event = { type: "text_delta", markdown: "once" } as const;
      on.send({ type: "event", turnId, attempt, n: 1, event });
      on.send({ type: "event", turnId, attempt, n: 1, event });
      on.send({ type: "event", turnId, attempt, n: 2, event: { type: "done" } });
      on.send({ type: "event", turnId, attempt, n: 2, event: { type: "done" } });
    },
  });
  const thread = app.ask("twice", "hello");
  expect(await app.answered(thread)).toEqual(["once"]);
  await agent.until(() => agent.of("turn_end").length === 1);
  const { turnId } = agent.of("turn_end")[0] ?? { turnId: "" };
  for (const id of [turnId, "t_of_somebody_else"])
    agent.send({ type: "event", turnId: id, attempt: 1, n: 3, event: { type: "text_delta", markdown: "late" } });
  await agent.until(() => agent.of("error").length >= 2);
  await othersAreFine();
  expect(app.answers(thread)).toEqual(["once"]);
});

it.each([
  { dies: "in the middle of its answer", says: "agh", atMost: 5 },
  { dies: "before it has said a word", says: "", atMost: 5 },
  // It may never have heard of it, so that the first time is not counted.
  { dies: "before it has accepted it", says: undefined, atMost: 10 },
])(
  "F20: a question that its agent dies of $dies, each time, ends by itself, and another is answered",
  { timeout: 4 * WAIT_MS },
  async ({ says, atMost }) => {
    const thread = app.ask("poison", `die of this, saying ${says}`);
    let crashes = 0;
    let innocent = "";
    const isOver = (): boolean => app.answers(thread).some((text) => text.includes("cannot be reached"));
    const inTime = performance.now() + 2 * WAIT_MS;
    while (!(isOver() && innocent !== "" && app.answers(innocent).length > 0) && performance.now() < inTime) {
      const agent = await dial("poison", {
        onTurn(start, on) {
          if (!start.turn.trigger.text.includes("die of this")) {
            setTimeout(() => on.answer(start, "alive"), 50);
            return;
          }
          crashes += 1;
          if (crashes === 1) innocent = app.ask("poison", "are you well?");
          if (says !== undefined) on.accept(start);
          if (says) say(start, on, says);
          setTimeout(() => on.drop(), 100);
        },
      });
      await Promise.race([
        agent.closed,
        until(() => isOver() && app.answers(innocent).length > 0, 5_000).catch(() => undefined),
      ]);
      await agent.close();
    }
    expect(isOver()).toBe(true);
    expect(crashes).toBeLessThanOrEqual(atMost);
    expect(app.answers(innocent)).toEqual(["alive"]);
  },
);
