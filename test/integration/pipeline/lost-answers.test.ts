import { afterAll, beforeAll, expect, it } from "vitest";
import { defineAgent } from "../../../agents/shared/agent-function.ts";
import { createLossyLedger } from "../../support/app/lost-answers.ts";
import { type SlackApp, startSlackApp, until } from "../../support/app/slack-app.ts";

/** What a connection that breaks between a commit and its answer leaves behind, found by the process that it happened to. */
let parley: SlackApp;
const ledger = createLossyLedger();

beforeAll(async () => {
  parley = await startSlackApp(
    [
      {
        handle: "quick",
        name: "Quick",
        connector: {
          kind: "function",
          run: defineAgent(async function* (request) {
            yield `quick answers ${request.trigger.text}`;
          }),
        },
      },
      {
        handle: "talker",
        name: "Talker",
        connector: {
          kind: "function",
          run: defineAgent(async function* () {
            for (let word = 0; word < 6; word += 1) {
              yield `word${word} `;
              await new Promise((resolve) => setTimeout(resolve, 400));
            }
          }),
        },
      },
    ],
    { ports: { database: ledger.wrap } },
  );
});
afterAll(() => parley.close());

const post = (text: string, threadTs?: string): string =>
  parley.slack.people.postAs(parley.user, parley.channel, text, threadTs === undefined ? {} : { threadTs }).ts;
const posts = (thread: string) => parley.slack.log.posts({ channel: parley.channel, thread, by: "app" });
const stateOf = async (ts: string): Promise<string | undefined> => {
  const [row] = await parley.ledger.query<{ state: string }>(
    {
      text: "select state from events where envelope->'body'->>'messageId' = $1 and envelope->'sender'->>'kind' = 'human' and finished_at is not null",
    },
    [ts],
  );
  return row?.state;
};

for (const statement of ["commit_replies", "receipts"]) {
  it(`delivers once when the answer to ${statement} is lost after its commit`, async () => {
    const before = ledger.lost;
    ledger.lose(statement);
    const ts = post(parley.ask("quick", `through ${statement}`));
    await until(() => ledger.lost > before);
    expect(await until(() => stateOf(ts), 30_000)).toBe("answered");
    expect(posts(ts)).toHaveLength(1);
  }, 40_000);
}

it("goes on with a conversation whose next write was marked by a statement that lost its answer", async () => {
  const first = post(parley.ask("quick", "one"));
  await until(() => stateOf(first));
  const before = ledger.lost;
  const release = ledger.hold("commit_replies");
  const second = post("two", first);
  await until(
    async () => (await parley.ledger.query({ text: "select id from turns where state = 'running'" })).length === 1,
  );
  ledger.lose("take_deliveries");
  // Left pending by a process without the delivery role: only the outbox loop takes it.
  await parley.ledger.query({
    text: "insert into deliveries (id, organization_id, agent_id, conversation_id, ordinal, body, fallback_text, idempotency_key, state) select 'd_lost_take', d.organization_id, d.agent_id, d.conversation_id, 0, d.body, 'again', 'd_lost_take', 'pending' from deliveries d order by sequence desc limit 1",
  });
  release();
  await until(() => ledger.lost > before, 20_000);
  expect(await until(() => stateOf(second), 30_000)).toBe("answered");
  await until(() => posts(first).length >= 3, 20_000);
  expect(posts(first)).toHaveLength(3);
}, 60_000);

it("keeps a live preview one message when the ledger was away while its opening was recorded", async () => {
  const before = ledger.lost;
  ledger.refuse("record_preview", 2);
  const ts = post(parley.ask("talker", "tell me"));
  await until(() => ledger.lost === before + 2);
  expect(await until(() => stateOf(ts), 30_000)).toBe("answered");
  expect(posts(ts)).toHaveLength(1);
  expect(parley.slack.log.entries.findLast((entry) => entry.ts === posts(ts)[0]?.ts)?.text).toContain("word5");
}, 40_000);

it("finds a live preview that was opened and never recorded, and ends it with the final text", async () => {
  const before = ledger.lost;
  ledger.refuse("record_preview", 6);
  const ts = post(parley.ask("talker", "once more"));
  await until(() => ledger.lost === before + 6, 20_000);
  expect(await until(() => stateOf(ts), 40_000)).toBe("answered");
  expect(posts(ts)).toHaveLength(1);
  expect(parley.slack.log.entries.findLast((entry) => entry.ts === posts(ts)[0]?.ts)?.text).toContain("word5");
}, 70_000);
