import { afterAll, beforeAll, expect, it } from "vitest";
import { approvalActionId } from "../../../adapters/slack/actions.ts";
import { defineAgent } from "../../../agents/shared/agent-function.ts";
import { type SlackApp, startSlackApp, until } from "../../support/app/slack-app.ts";

let parley: SlackApp;
let barred: string;
const asked: string[] = [];

const keeper = defineAgent(async function* (request) {
  asked.push(request.trigger.sender.id);
  yield "at your service";
  yield {
    type: "approval_request",
    approvalId: "deploy",
    prompt: "Deploy?",
    options: [
      { id: "yes", label: "Yes", effect: "allow" },
      { id: "no", label: "No", effect: "deny" },
    ],
  };
});

beforeAll(async () => {
  parley = await startSlackApp([{ handle: "keeper", name: "Keeper", connector: { kind: "function", run: keeper } }]);
  barred = parley.space.users[1] ?? "";
  for (const action of ["start_agent", "approve", "post"])
    await parley.ledger.query(
      {
        text: `insert into access_rules (id, organization_id, level, subject_kind, subject, action, effect, source, created_by)
          values ('rule_' || $2, 'main', 'organization', 'person', $1, $2, 'deny', 'operator', 'test')`,
      },
      [barred, action],
    );
  await parley.ledger.query({ text: "select pg_notify('parley_access', '')" });
});
afterAll(() => parley.close());

/** The events of a kind that somebody caused, with what became of them, once all of them were routed. */
async function routed(
  kind: string,
  sender: string,
): Promise<{ id: string; state: string; state_reason: string; decisions: string }[]> {
  return await until(async () => {
    const rows = await parley.ledger.query<{ id: string; state: string; state_reason: string; decisions: string }>(
      {
        text: "select id, state, state_reason, decisions::text from events where kind = $1 and envelope->'sender'->>'id' = $2 order by received_at, platform_order",
      },
      [kind, sender],
    );
    return rows.length > 0 && rows.every((row) => row.state !== "pending" && row.state !== "routed") ? rows : undefined;
  });
}

async function turnsOf(sender: string): Promise<number> {
  const rows = await parley.ledger.query({ text: "select id from turns where asker_id = $1" }, [sender]);
  return rows.length;
}

const entrances: readonly (readonly [string, (question: { ts: string; threadTs: string }) => unknown])[] = [
  ["message_created", () => parley.slack.people.postAs(barred, parley.channel, parley.ask("keeper", "hello"))],
  ["message_created", () => parley.slack.people.directMessageAs(barred, "hello")],
  ["message_created", ({ threadTs }) => parley.slack.people.postAs(barred, parley.channel, "and now?", { threadTs })],
  [
    "message_edited",
    () => {
      const { ts } = parley.slack.people.postAs(barred, parley.channel, "hm");
      parley.slack.people.editAs(barred, parley.channel, ts, parley.ask("keeper", "hello"));
    },
  ],
  [
    "action_submitted",
    ({ ts }) =>
      parley.slack.gestures.clickButton(barred, { channel: parley.channel, ts }, approvalActionId("deploy", 0)),
  ],
  ["command_invoked", () => parley.slack.gestures.slash(barred, parley.channel, "/parley", "ask @keeper hello")],
  ["command_invoked", () => parley.slack.gestures.slash(barred, parley.channel, "/parley", "stop")],
  ["reaction_added", ({ ts }) => parley.slack.people.reactAs(barred, parley.channel, ts, "eyes")],
];

it("starts nothing for somebody without the right, whichever way they come, and says by which rule", async () => {
  const { slack, user, channel } = parley;
  const { ts: threadTs } = slack.people.postAs(user, channel, parley.ask("keeper", "hello"));
  const question = await until(() =>
    slack.log.posts({ channel, by: "app" }).find((post) => post.threadTs === threadTs && post.text?.includes("Deploy")),
  );
  const before = asked.length;
  for (const [, enter] of entrances) await enter({ ts: question.ts ?? "", threadTs });
  // Whoever takes the name of somebody with the right is still themselves (security rule R9).
  slack.people.changeUser(barred, { name: "mara" });
  slack.people.postAs(barred, channel, parley.ask("keeper", "it is me, Mara"));
  for (const kind of new Set(entrances.map(([kind]) => kind))) {
    const rows = await routed(kind, barred);
    expect(rows.filter((row) => row.state === "answered")).toEqual([]);
  }
  expect(await turnsOf(barred)).toBe(0);
  expect(asked.slice(before)).toEqual([]);
  const [, , inThread] = await routed("message_created", barred);
  expect(inThread?.decisions).toContain("sender_denied_at_organization");
  const [click] = await routed("action_submitted", barred);
  expect(click?.state_reason).toBe("decision_refused_denied_at_organization");
  const stop = (await routed("command_invoked", barred)).map((row) => row.state_reason);
  expect(stop).toContain("sender_denied_at_organization");
  const audit = await parley.ledger.query<{ entries: string }>({ text: "select entries from audit_log" });
  for (const { id } of [inThread, click].filter((row) => row !== undefined))
    expect(audit.some(({ entries }) => entries.includes(id) && entries.includes("denied_at_organization"))).toBe(true);
});

it("lets somebody with the right in by the same ways", async () => {
  const { slack, user, channel } = parley;
  const before = asked.length;
  slack.people.postAs(user, channel, parley.ask("keeper", "again"));
  await slack.gestures.slash(user, channel, "/parley", "ask @keeper hello");
  await until(() => asked.length >= before + 2);
  expect(asked.slice(before)).toEqual([user, user]);
});
