import { afterAll, beforeAll, expect, it } from "vitest";
import { defineAgent } from "../../../agents/shared/agent-function.ts";
import { ACCESS_ACTIONS } from "../../../src/contracts/access.ts";
import type { JsonValue } from "../../../src/contracts/json.ts";
import { type SlackApp, startSlackApp, until } from "../../support/app/slack-app.ts";

/** Security rule R8 for what agents call: each tool asks the one decision function at each call, and what it says is recorded. */

let parley: SlackApp;
const results = new Map<string, JsonValue>();
let begun = false;
let finished = false;
let goOn: () => void = () => undefined;

/** What each tool takes. A new tool is in no turn here before it has a line. */
const INPUTS: Readonly<Record<string, Record<string, JsonValue>>> = {
  agents: {},
  ask: { who: "@other", question: "well?" },
  attach_file: { name: "a.txt", text: "a" },
  cancel_schedule: { schedule: "s_1" },
  conversation_history: { conversation: "c_1" },
  conversation_search: { words: "hello" },
  conversations: {},
  document_read: { name: "plan" },
  document_write: { name: "plan", revision: 0, value: 1 },
  documents: {},
  notify_member: { member: "U1", text: "psst" },
  post: { text: "aside" },
  react: { message: "1.1", reaction: "eyes" },
  read_conversation: {},
  read_file: { name: "a.txt" },
  reply_to: { message: "1.1", text: "aside" },
  request_approval: { prompt: "may I?", action: "deploy" },
  roster: {},
  schedule: { task: "remind them", inMs: 60_000 },
  schedules: {},
};

const isRefused = (result: JsonValue | undefined): boolean =>
  typeof result === "object" && result !== null && "error" in result;

beforeAll(async () => {
  parley = await startSlackApp([
    {
      handle: "worker",
      name: "Worker",
      speaksFirst: true,
      connector: {
        kind: "function",
        run: defineAgent(async function* (_request, io) {
          begun = true;
          await new Promise<void>((resolve) => (goOn = resolve));
          const roster = io.tools.find(({ name }) => name === "roster");
          await until(async () => isRefused(await roster?.execute({}, io.signal)));
          for (const tool of io.tools) results.set(tool.name, await tool.execute(INPUTS[tool.name] ?? {}, io.signal));
          finished = true;
          yield "tried all";
        }),
      },
    },
    {
      handle: "other",
      name: "Other",
      connector: {
        kind: "function",
        run: defineAgent(async function* () {
          yield "yes?";
        }),
      },
    },
  ]);
});
afterAll(() => parley.close());

it("refuses every tool to an agent that may nothing any more, in the middle of its turn, and records by which rule", async () => {
  parley.slack.people.postAs(parley.user, parley.channel, parley.ask("worker", "try them all"), {});
  await until(() => begun);
  // Past the operations, which would end the turn at once: the decision at the call is what is looked at here.
  for (const action of ACCESS_ACTIONS)
    await parley.ledger.query(
      {
        text: `insert into access_rules (id, organization_id, level, subject_kind, subject, action, effect, source, created_by)
          values ('no-' || $1, 'main', 'organization', 'agent', 'worker', $1, 'deny', 'operator', 'test')`,
      },
      [action],
    );
  await parley.ledger.query({ text: "select pg_notify('parley_access', '')" });
  goOn();
  await until(() => finished);
  for (const name of results.keys()) expect(Object.keys(INPUTS)).toContain(name);
  expect(results.size).toBeGreaterThan(15);
  for (const [name, result] of results)
    expect([name, result]).toEqual([name, { error: "you may not do that here (denied_at_organization)" }]);
  const rows = await parley.ledger.query<{ entries: string }>({
    text: `select entries from audit_log where entries like '%"denied"%'`,
  });
  const denied = rows
    .flatMap((row) => JSON.parse(row.entries) as { what: string; tool?: string; rule: string; action: string }[])
    .filter(({ what, rule }) => what === "denied" && rule === "denied_at_organization");
  expect([...new Set(denied.flatMap(({ tool }) => tool ?? []))].sort()).toEqual([...results.keys()].sort());
  for (const { action } of denied) expect(ACCESS_ACTIONS).toContain(action);
});
