import { afterAll, beforeAll, expect, it } from "vitest";
import { defineAgent } from "../../../agents/shared/agent-function.ts";
import type { Database, Statement } from "../../../src/ledger/connection/database.ts";
import { type SlackApp, startSlackApp, until } from "../../support/app/slack-app.ts";

let parley: SlackApp;
/** Ends the turn that is at work with this text; there as soon as the agent has begun it. */
const releases = new Map<string, () => void>();
/** How often the end of a turn had rung for the one behind it, which was then undone. */
let undone = 0;

/**
 * The ledger as it is where the end of a turn and the queueing of the next are committed at once: the end sees nothing queued and rings for nobody.
 * The reconciler, which would find it after seconds, is kept out.
 */
function blind(opened: Database): Database {
  return new Proxy(opened, {
    get(target, key) {
      if (key === "query")
        return async <Row>(statement: Statement, values?: readonly unknown[]): Promise<Row[]> => {
          if (statement.name === "find_forgotten") return [];
          const rows = await target.query<Row>(statement, values);
          if (statement.name !== "receipts") return rows;
          const rung = rows.filter((row) => (row as { what: string }).what === "rung"); // as the statement names its rows
          undone += rung.length;
          const ids = rung.map((row) => (row as { id: string }).id); // see above
          if (ids.length > 0)
            await target.query({ text: "update conversations set due_at = null where id = any($1::text[])" }, [ids]);
          return rows.filter((row) => !rung.includes(row));
        };
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

const slow = defineAgent(async function* (request) {
  await new Promise<void>((resolve) => {
    releases.set(request.trigger.text, resolve);
  });
  yield `slowly ${request.trigger.text}`;
});

beforeAll(async () => {
  parley = await startSlackApp([{ handle: "slow", name: "Slow", connector: { kind: "function", run: slow } }], {
    ports: { database: blind },
  });
});
afterAll(() => parley.close());

async function stateOf(ts: string): Promise<string | undefined> {
  const [row] = await parley.ledger.query<{ state: string }>(
    { text: "select t.state from turns t where t.trigger_message_id = $1" },
    [ts],
  );
  return row?.state;
}

async function release(text: string): Promise<void> {
  const end = await until(() => [...releases].find(([said]) => said.includes(text))?.[1]);
  end();
}

it("starts a queued turn at the end of the one before it, where neither saw the other", async () => {
  undone = 0;
  releases.clear();
  const { ts: root } = parley.slack.people.postAs(parley.user, parley.channel, parley.ask("slow", "one"));
  await until(async () => (await stateOf(root)) === "running");
  const { ts } = parley.slack.people.postAs(parley.user, parley.channel, parley.ask("slow", "two"), { threadTs: root });
  await until(async () => (await stateOf(ts)) === "queued");
  await release("one");
  await until(async () => (await stateOf(ts)) === "running");
  expect(undone).toBe(1);
  await release("two");
  await until(async () => (await stateOf(ts)) === "answered");
});
