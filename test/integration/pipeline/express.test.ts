import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { defineAgent } from "../../../agents/shared/agent-function.ts";
import type { Database, Statement } from "../../../src/ledger/connection/database.ts";
import { type SlackApp, startSlackApp, until } from "../../support/app/slack-app.ts";

let parley: SlackApp;
const run: string[] = [];
const transcripts: string[][] = [];
let release: () => void = () => undefined;

/** The ledger with the names of the statements that it was given. */
function watched(opened: Database): Database {
  const note = ({ name }: Statement): void => void run.push(name ?? "");
  return new Proxy(opened, {
    get(target, key) {
      if (key === "query")
        return <Row>(statement: Statement, values?: readonly unknown[]): Promise<Row[]> => {
          note(statement);
          return target.query<Row>(statement, values);
        };
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

const echo = defineAgent(async function* (request) {
  transcripts.push(request.transcript.map((message) => message.text));
  yield `heard ${request.trigger.text}`;
});
const slow = defineAgent(async function* (request) {
  await new Promise<void>((resolve) => {
    release = resolve;
  });
  yield `slowly ${request.trigger.text}`;
});

beforeAll(async () => {
  parley = await startSlackApp(
    [
      { handle: "echo", name: "Echo", connector: { kind: "function", run: echo } },
      { handle: "slow", name: "Slow", connector: { kind: "function", run: slow } },
    ],
    { ports: { database: watched } },
  );
  // The first messages also fill the mirror of people and channels.
  await answered(say(parley.ask("echo", "warm up")));
});
afterAll(() => parley.close());
beforeEach(() => {
  run.length = 0;
  transcripts.length = 0;
});

function say(text: string, threadTs?: string): string {
  return parley.slack.people.postAs(parley.user, parley.channel, text, threadTs === undefined ? {} : { threadTs }).ts;
}

async function stateOf(ts: string): Promise<{ state: string; finished: boolean } | undefined> {
  const [row] = await parley.ledger.query<{ state: string; finished: boolean }>(
    {
      text: `select state, finished_at is not null as finished from events
        where envelope->'body'->>'messageId' = $1 and kind = 'message_created' and envelope->'sender'->>'kind' = 'human'`,
    },
    [ts],
  );
  return row;
}

async function answered(ts: string): Promise<string> {
  await until(async () => (await stateOf(ts))?.finished);
  return ts;
}

it("routes a message to a named agent with its intake, and decides the same as through a lease", async () => {
  const ts = await answered(say(parley.ask("echo", "quick")));
  expect(run).toEqual(expect.arrayContaining(["transcript_windows", "commit_replies", "receipts"]));
  expect(run).not.toContain("route");
  const [row] = await parley.ledger.query<{ decisions: { agents: { verdict: string; rule: string }[] }[] }>(
    {
      text: "select decisions from events where envelope->'body'->>'messageId' = $1 and envelope->'sender'->>'kind' = 'human'",
    },
    [ts],
  );
  expect(row?.decisions).toHaveLength(1);
  expect(row?.decisions[0]?.agents.map(({ verdict, rule }) => `${verdict}:${rule}`).sort()).toEqual([
    "no:not_addressed",
    "no:not_addressed",
    "no:not_addressed",
    "turn:mention",
  ]);
  expect(parley.slack.log.posts({ channel: parley.channel, thread: ts, by: "app" })).toHaveLength(1);
});

it("keeps order in a conversation that is at work: the next message takes its turn there", async () => {
  const root = await answered(say(parley.ask("echo", "a thread")));
  const first = say(parley.ask("slow", "one"), root);
  await until(async () => (await stateOf(first))?.state === "routed");
  const second = say(parley.ask("slow", "two"), root);
  await until(() => run.includes("route"));
  await until(async () => (await stateOf(second))?.state === "routed");
  release();
  await answered(first);
  await until(async () => {
    release();
    return (await stateOf(second))?.finished;
  });
  const texts = parley.slack.log.posts({ channel: parley.channel, thread: root, by: "app" }).map((post) => post.text);
  expect(texts.filter((text) => text?.startsWith("slowly"))).toEqual([
    expect.stringContaining("one"),
    expect.stringContaining("two"),
  ]);
});

it("gives an agent what was said before, edits and deletions included, however often it has read the conversation", async () => {
  const root = await answered(say(parley.ask("echo", "the beginning")));
  const asked = [
    await answered(say(parley.ask("echo", "second"), root)),
    await answered(say(parley.ask("echo", "third"), root)),
  ];
  parley.slack.people.editAs(parley.user, parley.channel, asked[0] ?? "", parley.ask("echo", "second, corrected"));
  parley.slack.people.deleteAs(parley.user, parley.channel, asked[1] ?? "");
  await until(async () => {
    const rows = await parley.ledger.query<{ gone: boolean }>(
      { text: "select deleted_at is not null as gone from messages where message_id = $1 and deleted_at is not null" },
      [asked[1]],
    );
    return rows.length === 1;
  });
  transcripts.length = 0;
  await answered(say(parley.ask("echo", "fourth"), root));
  const given = transcripts.at(-1)?.join("\n") ?? "";
  expect(given).toContain("the beginning");
  expect(given).toContain("second, corrected");
  expect(given.match(/heard/g)).toHaveLength(3);
  expect(given).not.toMatch(/^@\S+ echo third$/m);
});

it("starts no turn where the identity is no longer a member", async () => {
  const [elsewhere = ""] = parley.space.channels.slice(1);
  await parley.ledger.query(
    {
      text: `insert into channels (installation_id, channel_id, organization_id, kind, self_member)
        select installation_id, $1, organization_id, 'public', false from channels where channel_id = $2`,
    },
    [elsewhere, parley.channel],
  );
  const { ts } = parley.slack.people.postAs(parley.user, elsewhere, parley.ask("echo", "anybody here?"));
  await until(async () => (await stateOf(ts))?.finished);
  expect(await stateOf(ts)).toMatchObject({ state: "dropped" });
  expect(parley.slack.log.posts({ channel: elsewhere, by: "app" })).toEqual([]);
});
