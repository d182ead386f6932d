import { afterAll, beforeAll, expect, it } from "vitest";
import { type AgentFunction, defineAgent } from "../../../agents/shared/agent-function.ts";
import type { JsonValue } from "../../../src/contracts/json.ts";
import { ParleyError } from "../../../src/errors/parley-error.ts";
import { type SlackApp, startSlackApp, until } from "../../support/app/slack-app.ts";
import { createToolAgent } from "./tool-agent.ts";

/** What tools must not do: twice, too much, after the end, elsewhere. */

let parley: SlackApp;
let review = "";
const worker = createToolAgent();
const novice = createToolAgent();
const results: JsonValue[] = [];
const attempts: number[] = [];

/** Fails once after what it did, as an agent whose connection breaks; what it asks again is the same. */
const unsteady: AgentFunction = defineAgent(async function* (request, io) {
  attempts.push(request.attempt);
  const use = async (name: string, input: unknown): Promise<void> => {
    results.push((await io.tools.find((tool) => tool.name === name)?.execute(input, io.signal)) ?? null);
  };
  await use("post", { text: "first" });
  await use("react", { message: request.trigger.messageId, reaction: "👀" });
  await use("post", { text: "second" });
  if (request.attempt === 1) throw new ParleyError("AGENT_UNAVAILABLE", { detail: "a test breaks the connection" });
  await use("post", { text: "third" });
  yield "done";
});

/** Calls as fast as it can, far more than anybody needs. */
const flood: AgentFunction = defineAgent(async function* (_request, io) {
  const roster = io.tools.find(({ name }) => name === "roster");
  const counts = { ok: 0, refused: 0 };
  for (let call = 0; call < 10_000; call += 100) {
    const answers = await Promise.all(Array.from({ length: 100 }, async () => await roster?.execute({}, io.signal)));
    for (const answer of answers) counts[Array.isArray(answer) ? "ok" : "refused"] += 1;
  }
  yield JSON.stringify(counts);
});

beforeAll(async () => {
  parley = await startSlackApp([
    { handle: "worker", name: "Worker", connector: { kind: "function", run: worker.run } },
    { handle: "unsteady", name: "Unsteady", connector: { kind: "function", run: unsteady } },
    { handle: "flood", name: "Flood", turnTimeoutMs: 120_000, connector: { kind: "function", run: flood } },
    {
      handle: "novice",
      name: "Novice",
      shadow: { reviewRoom: "slack:channel-3" },
      connector: { kind: "function", run: novice.run },
    },
  ]);
  review = parley.space.channels[2] ?? "";
  parley.slack.people.postAs(parley.user, review, "this is where novices are read", {});
  await until(
    async () =>
      (await parley.ledger.query({ text: "select 1 from channels where channel_id = $1" }, [review])).length > 0,
  );
});
afterAll(() => parley.close());

const texts = (ts: string): string[] => parley.slack.log.posts({ thread: ts, by: "app" }).map(({ text }) => text ?? "");

it("does once what a retried attempt asks again", async () => {
  const { ts } = parley.slack.people.postAs(parley.user, parley.channel, parley.ask("unsteady", "go"), {});
  await until(() => texts(ts).includes("done"), 30_000);
  expect(attempts).toEqual([1, 2]);
  expect(texts(ts)).toEqual(["first", "second", "third", "done"]);
  expect(parley.slack.log.entries.filter(({ kind }) => kind === "reaction_add")).toHaveLength(1);
  expect(results).toHaveLength(7);
  expect(results.every((result) => !JSON.stringify(result).includes("error"))).toBe(true);
}, 60_000);

it("bounds what one turn calls, and what it leaves in the audit log", async () => {
  const { ts } = parley.slack.people.postAs(parley.user, parley.channel, parley.ask("flood", "go"), {});
  const [answer = ""] = await until(() => (texts(ts).length > 0 ? texts(ts) : undefined), 100_000);
  expect(JSON.parse(answer)).toEqual({ ok: 500, refused: 9_500 });
  const [row] = await parley.ledger.query<{ n: number }>({
    text: `select count(*)::int as n from audit_log, jsonb_array_elements(entries::jsonb) e where e->>'what' = 'tool_call' and e->>'tool' = 'roster'`,
  });
  expect(row?.n).toBe(500);
}, 120_000);

it("does nothing more once its turn was stopped", async () => {
  const before = worker.seen.length;
  const { ts } = parley.slack.people.postAs(parley.user, parley.channel, parley.ask("worker", "\nwait"), {});
  const turn = await until(() => worker.seen[before]);
  await parley.ledger.query(
    { text: "update turns set cancel_requested = 'cancelled:stopped_by_person' where id = $1" },
    [turn.request.turnId],
  );
  const signal = new AbortController().signal;
  const late = turn.io.tools.filter(({ name }) => ["post", "roster", "conversations", "ask"].includes(name));
  for (const tool of late) {
    const answer = await tool.execute({ ...(tool.effect === "write" && { text: "late" }) }, signal);
    expect(answer).toMatchObject({ error: expect.any(String) });
  }
  expect(late).toHaveLength(4);
  worker.letGo();
  await until(
    async () =>
      (
        await parley.ledger.query({ text: "select 1 from turns where id = $1 and finished_at is not null" }, [
          turn.request.turnId,
        ])
      ).length > 0,
  );
  expect(await turn.io.tools.find(({ name }) => name === "post")?.execute({ text: "later" }, signal)).toEqual({
    error: "the turn is over: nothing more can be done in it",
  });
  expect(texts(ts).join(" ")).not.toContain("late");
});

it("writes nothing in shadow beside its reply, which the review room has", async () => {
  const before = novice.seen.length;
  const calls = [
    'call post {"text":"loud"}',
    'call react {"message":"$message","reaction":"🎉"}',
    `call notify_member {"member":"${parley.user}","text":"loud"}`,
  ];
  parley.slack.people.postAs(parley.user, parley.channel, parley.ask("novice", `\n${calls.join("\n")}\nsay quiet`), {});
  const turn = await until(() => novice.seen[before]);
  await until(() => parley.slack.log.posts({ channel: review, by: "app" }).some(({ text }) => text?.includes("quiet")));
  expect(turn.results.map((result) => JSON.stringify(result).includes("in shadow"))).toEqual([true, true, true]);
  expect(JSON.stringify(parley.slack.log.entries)).not.toContain('"loud"');
});

it("says nothing beside its reply of what not everybody here may read", async () => {
  const { setup, people } = parley.slack;
  const [ada = "", ben = ""] = parley.space.users;
  const { id: team } = parley.space.team;
  const bot = parley.space.bot.botUserId;
  const room = setup.addChannel(team, { name: "tools-room", isPrivate: true, members: [ada, ben, bot] }).id;
  const narrow = setup.addChannel(team, { name: "tools-narrow", isPrivate: true, members: [ada, bot] }).id;
  people.postAs(ada, narrow, "the plan is secret-88", {});
  await until(
    async () =>
      (await parley.ledger.query({ text: "select 1 from messages where channel_id = $1" }, [narrow])).length > 0,
  );
  const before = worker.seen.length;
  const calls = [
    `call conversation_history {"conversation":"${narrow}"}`,
    'call post {"text":"I know secret-88"}',
    'call react {"message":"$message","reaction":"🎉"}',
    `call notify_member {"member":"${ben}","text":"secret-88"}`,
    `call notify_member {"member":"${ada}","text":"you know it"}`,
  ];
  people.postAs(ada, room, parley.ask("worker", `\n${calls.join("\n")}\nsay nothing`), {});
  const turn = await until(() => worker.seen[before]);
  await until(() => turn.results.length === calls.length);
  expect(JSON.stringify(turn.results[0])).toContain("secret-88");
  expect(turn.results.slice(1)).toMatchObject([
    { error: expect.stringContaining("not everybody here may read") },
    { error: expect.stringContaining("not everybody here may read") },
    { error: "you have read a conversation that they may not read" },
    { shown: true },
  ]);
  expect(JSON.stringify(parley.slack.log.entries.filter(({ by }) => by === "app"))).not.toContain("secret-88");
});
