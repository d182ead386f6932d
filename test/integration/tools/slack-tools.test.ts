import { afterAll, beforeAll, expect, it } from "vitest";
import { inputActionId } from "../../../adapters/slack/actions.ts";
import { type SlackApp, startSlackApp, until } from "../../support/app/slack-app.ts";
import { createToolAgent, type ToolTurnSeen } from "./tool-agent.ts";

/** The tools of agents in front of Slack: what others see, and what nobody sees. */

let parley: SlackApp;
const agent = createToolAgent();
const other = createToolAgent();
const limited = createToolAgent();

beforeAll(async () => {
  parley = await startSlackApp([
    { handle: "worker", name: "Worker", connector: { kind: "function", run: agent.run } },
    { handle: "helper", name: "Helper", connector: { kind: "function", run: other.run } },
    { handle: "narrow", name: "Narrow", tools: ["roster"], connector: { kind: "function", run: limited.run } },
  ]);
});
afterAll(() => parley.close());

/** Asks in the first channel, and resolves with the turn once it has answered. */
async function ask(
  text: string,
  handle = "worker",
  of = agent,
): Promise<{ turn: ToolTurnSeen; ts: string; posts: string[] }> {
  const before = of.seen.length;
  const { ts } = parley.slack.people.postAs(parley.user, parley.channel, parley.ask(handle, `\n${text}\nsay done`), {});
  await until(
    () => parley.slack.log.posts({ thread: ts, by: "app" }).some((post) => post.text?.includes("done")),
    30_000,
  );
  const turn = of.seen[before];
  if (turn === undefined) throw new Error("the agent had no turn");
  return { turn, ts, posts: parley.slack.log.posts({ thread: ts, by: "app" }).map((post) => post.text ?? "") };
}

it("posts in the order of the calls, before the reply, and each once", async () => {
  const { turn, posts } = await ask('call post {"text":"one"}\ncall post {"text":"two"}\ncall post {"text":"one"}');
  expect(turn.results).toMatchObject([{ posted: true }, { posted: true }, { posted: true }]);
  expect(posts.map((text) => text.trim())).toEqual(["one", "two", "one", "done"]);
});

it("carries a call with the agent's own id out once", async () => {
  const { turn, posts } = await ask('both post {"text":"once","callId":"a"}');
  expect(turn.results).toMatchObject([{ posted: true }, { posted: true }]);
  expect(posts.filter((text) => text.includes("once"))).toHaveLength(1);
});

it("reacts to a message of this conversation and to no other", async () => {
  const { turn, ts } = await ask(
    'call react {"message":"$message","reaction":"🎉"}\ncall react {"message":"1.1","reaction":"🎉"}',
  );
  expect(turn.results).toEqual([{ reacted: true }, { error: "there is no such message in this conversation" }]);
  const reactions = parley.slack.log.entries.filter(({ kind }) => kind === "reaction_add");
  expect(reactions.filter((entry) => entry.ts === ts)).toMatchObject([{ by: "app" }]);
});

it("tells one member alone, and nobody who is not one", async () => {
  const [, second = ""] = parley.space.users;
  const { turn, posts } = await ask(
    `call notify_member {"member":"${second}","text":"for you"}\ncall notify_member {"member":"U0NOBODY","text":"for you"}`,
  );
  expect(turn.results[0]).toEqual({ shown: true });
  expect(turn.results[1]).toMatchObject({ error: expect.stringContaining("nobody of that id") });
  expect(posts.some((text) => text.includes("for you"))).toBe(false);
});

it("asks another agent, waits, and shows question and answer; asking oneself and strangers is refused", async () => {
  const { turn, posts } = await ask(
    'call ask {"who":"$athelper","question":"please\\nsay forty-two"}\ncall ask {"who":"$atworker","question":"me?"}\ncall ask {"who":"$atnobody","question":"who?"}',
  );
  expect(turn.results[0]).toMatchObject({ agent: "@helper", answer: expect.stringContaining("forty-two") });
  expect(turn.results[1]).toEqual({ error: "you cannot ask yourself" });
  expect(turn.results[2]).toMatchObject({ error: expect.stringContaining("nobody of that name") });
  expect(posts.some((text) => text.includes("@helper"))).toBe(true);
  expect(posts.some((text) => text.includes("forty-two"))).toBe(true);
  expect(other.seen.at(-1)?.request.trigger.sender).toMatchObject({ kind: "agent", agent: "worker" });
});

it("asks a person, waits while nobody answers, and goes on with what the person wrote", async () => {
  const [, ben = ""] = parley.space.users;
  const asking = ask(`call ask {"who":"${ben}","question":"Which colour shall it be?"}\ncall post {"text":"after it"}`);
  const question = await until(() =>
    parley.slack.log.posts({ by: "app" }).find(({ text }) => text?.includes("Which colour shall it be?") === true),
  );
  const thread = question.threadTs ?? "";
  expect(parley.slack.log.posts({ thread, by: "app" }).some(({ text }) => text === "after it")).toBe(false);
  const [asked] = await until(async () => {
    const rows = await parley.ledger.query<{ part: string }>({
      text: "select part::text as part from requests where state = 'open'",
    });
    return rows.length === 1 ? rows : undefined;
  });
  const inputId = /"inputId":\s*"([^"]+)"/u.exec(asked?.part ?? "")?.[1] ?? "";
  const place = { channel: parley.channel, ts: question.ts ?? "" };
  expect(question.text).toMatch(/^.*For .+: Which colour/u);
  // Somebody else of the conversation fills it in as well: it is refused and told to them alone.
  const [ada = ""] = parley.space.users;
  await parley.slack.gestures.clickButton(ada, place, inputActionId(inputId));
  const hers = await until(() => parley.slack.gestures.viewsOf(ada)[0]);
  await parley.slack.gestures.submitView(ada, hers.id, {
    "field:answer": { value: { type: "plain_text_input", value: "mud brown" } },
  });
  await until(() =>
    parley.slack.log
      .ofKind("ephemeral")
      .some((entry) => entry.detail?.["user"] === ada && entry.text?.includes("put to somebody else") === true),
  );
  expect(await parley.ledger.query({ text: "select 1 from requests where state = 'open'" })).toHaveLength(1);
  await parley.slack.gestures.clickButton(ben, place, inputActionId(inputId));
  const view = await until(() => parley.slack.gestures.viewsOf(ben)[0]);
  await parley.slack.gestures.submitView(ben, view.id, {
    "field:answer": { value: { type: "plain_text_input", value: "sea green" } },
  });
  const { turn, posts } = await asking;
  expect(turn.results).toMatchObject([
    { state: "decided", fields: { answer: "sea green" }, by: { id: ben, name: expect.any(String) } },
    { posted: true },
  ]);
  expect(turn.request.attempt).toBe(1);
  expect(posts.map((text) => text.trim()).slice(-2)).toEqual(["after it", "done"]);
  await until(() => {
    const shown = parley.slack.core.world.needMessage(place.channel, place.ts).text;
    return shown.includes("Answered by") && !shown.includes("sea green");
  });
});

it("refuses a question that would wait for ever", async () => {
  const { turn } = await ask(
    'call ask {"who":"$athelper","question":"so\\ncall ask {\\"who\\":\\"$atworker\\",\\"question\\":\\"and you?\\"}\\nsay gave up"}',
  );
  expect(turn.results[0]).toMatchObject({ answer: expect.stringContaining("gave up") });
  expect(other.seen.at(-1)?.results[0]).toEqual({ error: "@worker is waiting for you, and would wait for ever" });
});

it("attaches a file to the reply, and takes no path for a name", async () => {
  const { turn } = await ask(
    'call attach_file {"name":"numbers.csv","mediaType":"text/csv","text":"a,b"}\ncall attach_file {"name":"../../etc/passwd","text":"x"}\ncall attach_file {"name":"x"}',
  );
  expect(turn.results).toEqual([
    { attached: true },
    { error: "the name must be that of a file, without a path" },
    { error: "give the content as `text` or as `base64`" },
  ]);
  await until(() =>
    JSON.stringify(parley.slack.log.entries.filter(({ kind }) => kind === "file_upload")).includes("numbers.csv"),
  );
});

it("lets a turn write twenty times, and tells it so", async () => {
  const { turn, posts } = await ask(
    Array.from({ length: 22 }, (_, index) => `call post {"text":"n${index}"}`).join("\n"),
  );
  expect(turn.results.filter((result) => JSON.stringify(result).includes("posted"))).toHaveLength(20);
  expect(turn.results.at(-1)).toMatchObject({ error: expect.stringContaining("20 times") });
  expect(posts.filter((text) => /^n\d+$/u.test(text.trim()))).toHaveLength(20);
});

it("has only the tools that the definition allows", async () => {
  const { turn } = await ask('call roster {}\ncall post {"text":"x"}', "narrow", limited);
  expect(turn.names).toEqual(["roster"]);
  expect(turn.results[1]).toEqual({ missing: "post" });
  expect(JSON.stringify(turn.results[0])).toContain("@narrow");
});

it("answers nonsense with one clear result, and goes on", async () => {
  const { turn } = await ask(
    `call post {"txt":"x"}\ncall post {"text":"${"x".repeat(39_000)}"}\ncall conversation_history {"conversation":"c_foreign"}\ncall reply_to {"message":"../x","text":"y"}`,
  );
  expect(turn.results[0]).toMatchObject({ error: expect.stringContaining("not valid") });
  expect(turn.results[2]).toEqual({ error: "there is no such conversation" });
  expect(turn.results[3]).toEqual({ error: "there is no such message in this conversation" });
});

it("keeps names and digests of calls in the audit log, and nothing of what they were given", async () => {
  const { turn } = await ask('call post {"text":"hush-4711"}');
  const rows = await parley.ledger.query<{ entries: string }>({ text: "select entries from audit_log" });
  const entries = rows.flatMap(({ entries: text }) => JSON.parse(text) as Record<string, unknown>[]);
  const calls = entries.filter((entry) => entry["what"] === "tool_call" && entry["turn"] === turn.request.turnId);
  expect(calls).toMatchObject([{ tool: "post", digest: expect.any(String) }]);
  expect(JSON.stringify(entries)).not.toContain("hush-4711");
});
