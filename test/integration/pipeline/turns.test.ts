import { afterAll, beforeAll, expect, it } from "vitest";
import { defineAgent } from "../../../agents/shared/agent-function.ts";
import { type SlackApp, startSlackApp, until } from "../../support/app/slack-app.ts";

let parley: SlackApp;
let release: (() => void)[] = [];
const heard: { agent: string; text: string; aborted: boolean }[] = [];
const wait = (): Promise<void> => new Promise((resolve) => release.push(resolve));
const letGo = (): void => {
  for (const go of release) go();
  release = [];
};

/** Holds each turn open until the test lets it go, and says whether it was stopped. */
const held = (agent: string) =>
  defineAgent(async function* (request, io) {
    const turn = { agent, text: request.trigger.text, aborted: false };
    heard.push(turn);
    io.signal.addEventListener("abort", () => {
      turn.aborted = true;
    });
    await Promise.race([wait(), new Promise((resolve) => io.signal.addEventListener("abort", resolve))]);
    yield `${agent} answers ${request.trigger.text}`;
  });

const steered = defineAgent(async function* (request, io) {
  const turn = { agent: "steered", text: request.trigger.text, aborted: false };
  heard.push(turn);
  const extra: string[] = [];
  void (async () => {
    for await (const message of io.steering) extra.push(message.text);
  })();
  await wait();
  yield `steered answers ${request.trigger.text} and ${extra.join("; ")}`;
});

beforeAll(async () => {
  parley = await startSlackApp([
    { handle: "queued", name: "Queued", connector: { kind: "function", run: held("queued") } },
    { handle: "eager", name: "Eager", connector: { kind: "function", run: held("eager") }, turnMode: "interrupt" },
    { handle: "steered", name: "Steered", connector: { kind: "function", run: steered }, turnMode: "steer" },
    {
      handle: "ping",
      name: "Ping",
      connector: {
        kind: "function",
        run: defineAgent(async function* () {
          yield "over to you @pong";
        }),
      },
    },
    {
      handle: "pong",
      name: "Pong",
      connector: {
        kind: "function",
        run: defineAgent(async function* () {
          yield "and back to @ping";
        }),
      },
    },
    {
      handle: "broken",
      name: "Broken",
      connector: {
        kind: "function",
        run: defineAgent(async () => {
          throw new Error("secret detail");
        }),
      },
    },
    { handle: "drowsy", name: "Drowsy", connector: { kind: "function", run: held("drowsy") }, turnTimeoutMs: 1_000 },
    {
      handle: "talker",
      name: "Talker",
      connector: {
        kind: "function",
        run: defineAgent(async function* () {
          for (let word = 0; word < 6; word += 1) {
            yield `word${word} `;
            await new Promise((resolve) => setTimeout(resolve, 300));
          }
        }),
      },
    },
  ]);
});
afterAll(() => parley.close());

const post = (text: string, threadTs?: string): string =>
  parley.slack.people.postAs(parley.user, parley.channel, text, threadTs === undefined ? {} : { threadTs }).ts;
const answers = (thread: string): string[] =>
  parley.slack.log.posts({ channel: parley.channel, thread, by: "app" }).map((entry) => entry.text ?? "");
const turnsIn = (agent: string): typeof heard => heard.filter((turn) => turn.agent === agent);
const eventState = async (ts: string): Promise<string | undefined> => {
  const [row] = await parley.ledger.query<{ state: string; state_reason: string | null }>(
    {
      text: "select state, state_reason from events where envelope->'body'->>'messageId' = $1 and kind = 'message_created' and envelope->'sender'->>'kind' = 'human' and finished_at is not null",
    },
    [ts],
  );
  return row === undefined ? undefined : `${row.state}:${row.state_reason ?? ""}`;
};

it("queues a second message of a thread until the first is answered, in order", async () => {
  const first = post(parley.ask("queued", "one"));
  await until(() => turnsIn("queued").length === 1);
  post("two", first);
  await until(
    async () => (await parley.ledger.query({ text: "select id from turns where state = 'queued'" })).length === 1,
  );
  expect(turnsIn("queued")).toHaveLength(1);
  letGo();
  await until(() => turnsIn("queued").length === 2);
  letGo();
  await until(() => answers(first).length === 2);
  expect(answers(first)[0]).toContain("one");
  expect(answers(first)[1]).toContain("two");
});

it("interrupts a running turn for a newer message and answers that one alone", async () => {
  const first = post(parley.ask("eager", "old question"));
  await until(() => turnsIn("eager").length === 1);
  post("new question", first);
  await until(() => turnsIn("eager").length === 2);
  expect(turnsIn("eager")[0]?.aborted).toBe(true);
  letGo();
  await until(() => answers(first).length === 1);
  expect(answers(first)[0]).toContain("new question");
  expect(await until(() => eventState(first))).toBe("superseded:interrupted_by_newer_message");
});

it("hands a newer message to a running turn that steers", async () => {
  const first = post(parley.ask("steered", "begin"));
  await until(() => turnsIn("steered").length === 1);
  const second = post("mind the gap", first);
  await until(
    async () => (await parley.ledger.query({ text: "select id from events where state = 'steering'" })).length === 1,
  );
  letGo();
  await until(() => answers(first).length === 1);
  expect(answers(first)[0]).toContain("mind the gap");
  expect(await until(() => eventState(second))).toBe("answered:steered into a running turn");
  expect(turnsIn("steered")).toHaveLength(1);
});

it("restarts a turn whose question was edited, and cancels one whose question was deleted", async () => {
  const before = turnsIn("queued").length;
  const edited = post(parley.ask("queued", "wrogn"));
  await until(() => turnsIn("queued").length === before + 1);
  parley.slack.people.editAs(parley.user, parley.channel, edited, parley.ask("queued", "right"));
  await until(() => turnsIn("queued").length === before + 2);
  letGo();
  await until(() => answers(edited).length === 1);
  expect(answers(edited)[0]).toContain("right");

  const deleted = post(parley.ask("queued", "never mind"));
  await until(() => turnsIn("queued").length === before + 3);
  parley.slack.people.deleteAs(parley.user, parley.channel, deleted);
  expect(await until(() => eventState(deleted))).toBe("cancelled:trigger_deleted");
  expect(turnsIn("queued").at(-1)?.aborted).toBe(true);
  expect(answers(deleted)).toEqual([]);
});

it("stops what runs in a channel by the slash command", async () => {
  const before = turnsIn("queued").length;
  const asked = post(parley.ask("queued", "a long task"));
  await until(() => turnsIn("queued").length === before + 1);
  await parley.slack.gestures.slash(parley.user, parley.channel, "/parley", "stop");
  expect(await until(() => eventState(asked))).toBe("cancelled:stopped_by_command");
  expect(answers(asked)).toEqual([]);
});

it("lets agents talk for four hops after a person and then falls silent", async () => {
  const asked = post(parley.ask("ping", "go"));
  await until(() => answers(asked).length === 5);
  await until(
    async () =>
      (
        await parley.ledger.query({
          text: `select 1 from events where decisions @? '$[*].agents[*] ? (@.rule == "hop_limit")'`,
        })
      ).length > 0,
  );
  expect(answers(asked)).toHaveLength(5);
  expect(
    (await parley.ledger.query<{ most: number }>({ text: "select max(hop_count)::int as most from turns" }))[0]?.most,
  ).toBe(4);
});

it("tells a failure once in the conversation, without its details, and keeps one dead letter that can be replayed", async () => {
  const asked = post(parley.ask("broken", "please"));
  await until(() => answers(asked).length === 1);
  expect(answers(asked)[0]).toContain("Broken stopped with an error.");
  expect(answers(asked)[0]).not.toContain("secret detail");
  const letters = await parley.ledger.query<{ id: string; code: string }>({
    text: "select id, code from dead_letters where state = 'open'",
  });
  expect(letters).toMatchObject([{ code: "AGENT_CRASHED" }]);
});

it("ends a turn that hangs at its deadline, with one notice", async () => {
  const asked = post(parley.ask("drowsy", "wake up"));
  await until(() => answers(asked).length === 1);
  expect(answers(asked)[0]).toContain("Drowsy did not answer in time.");
  expect(turnsIn("drowsy")[0]?.aborted).toBe(true);
});

it("shows a slow answer live in one message and leaves its final text there", async () => {
  const asked = post(parley.ask("talker", "tell me"));
  await until(() => eventState(asked), 20_000);
  const entries = parley.slack.log.posts({ channel: parley.channel, thread: asked, by: "app" });
  expect(entries).toHaveLength(1);
  const final = parley.slack.log.entries.findLast((entry) => entry.ts === entries[0]?.ts);
  expect(final?.text).toContain("word5");
});

it("takes a half answer back when its question is deleted while it is shown", async () => {
  const asked = post(parley.ask("talker", "tell me, or rather not"));
  await until(() => answers(asked).length === 1);
  parley.slack.people.deleteAs(parley.user, parley.channel, asked);
  expect(await until(() => eventState(asked))).toBe("cancelled:trigger_deleted");
  const removed = parley.slack.log.ofKind("delete", { channel: parley.channel, by: "app" });
  expect(removed).toHaveLength(1);
});
