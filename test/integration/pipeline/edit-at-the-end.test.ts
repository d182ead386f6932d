import { afterAll, beforeAll, expect, it } from "vitest";
import { defineAgent } from "../../../agents/shared/agent-function.ts";
import type { Database, Statement } from "../../../src/ledger/connection/database.ts";
import { type SlackApp, startSlackApp, until } from "../../support/app/slack-app.ts";

let parley: SlackApp;
const turns: (() => void)[] = [];
/** Set while what routing decided is kept from the ledger. */
let hold: Promise<void> | undefined;
let held = 0;

function holding(opened: Database): Database {
  return new Proxy(opened, {
    get(target, key) {
      if (key === "query")
        return async <Row>(statement: Statement, values?: readonly unknown[]): Promise<Row[]> => {
          if (statement.name === "route" && hold !== undefined) {
            held += 1;
            await hold;
          }
          return await target.query<Row>(statement, values);
        };
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

const echo = defineAgent(async ({ trigger }) => {
  await new Promise<void>((resolve) => {
    turns.push(resolve);
  });
  return `echo of ${/\w+-words/.exec(trigger.text)?.[0] ?? "nothing"}`;
});

beforeAll(async () => {
  parley = await startSlackApp([{ handle: "echo", name: "Echo", connector: { kind: "function", run: echo } }], {
    ports: { database: holding },
  });
});
afterAll(() => parley.close());

it("leaves an answer alone that was committed while an edit of its question was decided", async () => {
  turns.length = 0;
  held = 0;
  const ts = parley.slack.people.postAs(parley.user, parley.channel, parley.ask("echo", "first-words")).ts;
  await until(() => turns.length === 1);
  const gate = Promise.withResolvers<void>();
  hold = gate.promise;
  parley.slack.people.editAs(parley.user, parley.channel, ts, parley.ask("echo", "second-words"));
  await until(() => held > 0);
  turns[0]?.();
  const answers = (): (string | undefined)[] =>
    parley.slack.log.posts({ channel: parley.channel, thread: ts, by: "app" }).map(({ text }) => text);
  await until(() => answers().length > 0);
  hold = undefined;
  gate.resolve();
  const edit = await until(async () => {
    const [row] = await parley.ledger.query<{ state: string; state_reason: string; turns: number }>(
      {
        text: `select e.state, e.state_reason, (select count(*)::int from turns t where t.event_id = e.id) as turns from events e
          where e.kind = 'message_edited' and e.envelope->'body'->>'messageId' = $1 and e.finished_at is not null`,
      },
      [ts],
    );
    return row;
  });
  expect(edit).toEqual({ state: "dropped", state_reason: "edit_without_open_turn", turns: 0 });
  expect(turns).toHaveLength(1);
  expect(answers()).toHaveLength(1);
  expect(answers()[0]).toContain("first-words");
});
