import { afterAll, beforeAll, expect, it } from "vitest";
import { type SlackApp, startSlackApp, until } from "../../support/app/slack-app.ts";
import { createToolAgent } from "./tool-agent.ts";

/** What agents do later: durable, once each time, and with the rights of who asked. */

let parley: SlackApp;
const agent = createToolAgent();
const greeter = createToolAgent();
const silent = createToolAgent();

beforeAll(async () => {
  parley = await startSlackApp([
    { handle: "worker", name: "Worker", speaksFirst: true, connector: { kind: "function", run: agent.run } },
    {
      handle: "greeter",
      name: "Greeter",
      speaksFirst: true,
      on: ["member_joined", "reaction_added"],
      connector: { kind: "function", run: greeter.run },
    },
    { handle: "mute", name: "Mute", on: ["member_joined"], connector: { kind: "function", run: silent.run } },
  ]);
});
afterAll(() => parley.close());

interface Row {
  readonly id: string;
  readonly state: string;
  readonly state_reason: string | null;
  readonly firings: number;
}

const rows = async (task: string): Promise<Row[]> =>
  await parley.ledger.query<Row>({ text: "select id, state, state_reason, firings from schedules where task = $1" }, [
    task,
  ]);

async function schedule(task: string, input: object, channel = parley.channel): Promise<string> {
  const text = `call schedule ${JSON.stringify({ task, ...input })}\nsay done`;
  const { ts } = parley.slack.people.postAs(parley.user, channel, parley.ask("worker", `\n${text}`), {});
  await until(() => parley.slack.log.posts({ thread: ts, by: "app" }).some((post) => post.text?.includes("done")));
  return ts;
}

/** Makes what is due at some time due now, as if that time had passed. */
async function makeDue(task: string, ago = "1 second"): Promise<void> {
  await parley.ledger.query({ text: `update schedules set due_at = now() - interval '${ago}' where task = $1` }, [
    task,
  ]);
}

it("fires once, with the task as its text, in the name of who asked", async () => {
  const ts = await schedule("say good morning", { inMs: 1_000 });
  await until(() =>
    parley.slack.log.posts({ thread: ts, by: "app" }).some((post) => post.text?.includes("good morning")),
  );
  const turn = agent.seen.at(-1);
  expect(turn?.request).toMatchObject({ reason: "schedule", trigger: { sender: { id: parley.user, kind: "human" } } });
  expect(await rows("say good morning")).toMatchObject([{ state: "done", firings: 1 }]);
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(
    parley.slack.log.posts({ thread: ts, by: "app" }).filter((post) => post.text?.includes("good morning")),
  ).toHaveLength(1);
});

it("fires late, and once, for all that was missed, and goes on", async () => {
  const ts = await schedule("say every minute", { everyMs: 60_000 });
  await makeDue("say every minute", "10 minutes");
  await until(async () => (await rows("say every minute"))[0]?.firings === 1);
  await until(() =>
    parley.slack.log.posts({ thread: ts, by: "app" }).some((post) => post.text?.includes("every minute")),
  );
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(await rows("say every minute")).toMatchObject([{ state: "active", firings: 1 }]);
});

it("is not made more often than every minute, nor more than twenty times", async () => {
  const before = agent.seen.length;
  await schedule("too fast", { everyMs: 1_000 });
  expect(agent.seen[before]?.results[0]).toMatchObject({ error: expect.stringContaining("everyMs") });
  const many = Array.from({ length: 19 }, (_, index) => `call schedule {"task":"n${index}","inMs":3600000}`);
  const ask = async (lines: readonly string[]): Promise<unknown[]> => {
    const seen = agent.seen.length;
    parley.slack.people.postAs(parley.user, parley.channel, parley.ask("worker", `\n${lines.join("\n")}`), {});
    const turn = await until(() => agent.seen[seen]);
    await until(() => turn.results.length === lines.length);
    return turn.results;
  };
  expect((await ask(many)).every((result) => JSON.stringify(result).includes('"schedule"'))).toBe(true);
  const [last] = await ask(['call schedule {"task":"one more","inMs":3600000}']);
  expect(last).toMatchObject({ error: expect.stringContaining("20 schedules") });
  await parley.ledger.query({ text: "update schedules set state = 'cancelled' where task ~ '^n[0-9]+$'" });
});

it("ends, with one notice, when who asked has left", async () => {
  const [, second = ""] = parley.space.channels;
  const ts = await schedule("say to nobody", { inMs: 3_600_000 }, second);
  parley.slack.people.leave(parley.user, second);
  await until(
    async () =>
      (
        await parley.ledger.query(
          { text: "select 1 from memberships where channel_id = $1 and member_id = $2 and state = 'left'" },
          [second, parley.user],
        )
      ).length > 0,
  );
  await makeDue("say to nobody");
  await until(async () => (await rows("say to nobody"))[0]?.state === "cancelled");
  expect(await rows("say to nobody")).toMatchObject([{ state_reason: expect.stringContaining("asker_") }]);
  await until(() =>
    parley.slack.log.posts({ thread: ts, by: "app" }).some((post) => post.text?.includes("will not do any more")),
  );
  const audit = await parley.ledger.query<{ entries: string }>({
    text: "select entries from audit_log where entries like '%schedule_cancelled%'",
  });
  expect(audit.length).toBeGreaterThan(0);
});

it("begins to speak when somebody comes, once at a time, and only where it may", async () => {
  const [, , third = ""] = parley.space.channels;
  const [, , newcomer = ""] = parley.space.users;
  const before = greeter.seen.length;
  parley.slack.people.leave(newcomer, third);
  parley.slack.people.join(newcomer, third);
  const turn = await until(() => greeter.seen[before]);
  expect(turn.request).toMatchObject({ reason: "subscription", trigger: { text: expect.stringContaining("joined") } });
  expect(silent.seen).toEqual([]);
});
