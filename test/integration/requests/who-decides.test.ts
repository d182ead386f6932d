import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { approvalActionId, inputActionId } from "../../../adapters/slack/actions.ts";
import { type SlackApp, startSlackApp, until } from "../../support/app/slack-app.ts";
import asking from "./asking-agent.ts";

let parley: SlackApp;
let ada = "";
let ben = "";
let cyd = "";
let channel = "";

beforeAll(async () => {
  parley = await startSlackApp([
    { handle: "asker", name: "Asker", connector: { kind: "function", run: asking }, replyInThread: false },
  ]);
  [ada = "", ben = "", cyd = ""] = parley.space.users;
});
afterAll(() => parley.close());

/** A new private channel for each test, so that no fact of an earlier one helps. */
beforeEach(() => {
  const { setup } = parley.slack;
  const members = [ada, ben, cyd, parley.space.bot.botUserId];
  channel = setup.addChannel(parley.space.team.id, { isPrivate: true, members }).id;
});

const ask = (text: string): string => parley.slack.people.postAs(ada, channel, parley.ask("asker", text)).ts;

/** The newest text of each message that apps have in the channel. */
function shown(): readonly { readonly ts: string; readonly text: string }[] {
  const texts = new Map<string, string>();
  for (const entry of parley.slack.log.entries)
    if (entry.by === "app" && entry.channel === channel && (entry.kind === "post" || entry.kind === "update"))
      texts.set(entry.ts ?? "", entry.text ?? "");
  return [...texts].map(([ts, text]) => ({ ts, text }));
}
const shows = (text: string | RegExp) =>
  until(() => shown().find((one) => (typeof text === "string" ? one.text.includes(text) : text.test(one.text))));
const click = (person: string, ts: string, index: 0 | 1) =>
  parley.slack.gestures.clickButton(person, { channel, ts }, approvalActionId("deploy", index));
/** What somebody was told alone in this channel. */
const told = (person: string): readonly string[] =>
  parley.slack.log
    .ofKind("ephemeral")
    .filter((entry) => entry.channel === channel && entry.detail?.["user"] === person)
    .map((entry) => entry.text ?? "");
const rows = <Row>(text: string, ...values: unknown[]): Promise<Row[]> => parley.ledger.query<Row>({ text }, values);
const requestsHere = () =>
  rows<{ id: string; state: string; decided_by: string | null; binding: string; state_reason: string | null }>(
    "select r.id, r.state, r.decided_by, r.binding, r.state_reason from requests r join conversations c on c.id = r.conversation_id where c.channel_id = $1 order by r.created_at",
    channel,
  );
const audited = async (request: string): Promise<readonly Record<string, unknown>[]> => {
  const kept = await rows<{ entries: string }>(
    "select entries from audit_log where entries like $1 order by id",
    `%${request}%`,
  );
  return kept
    .flatMap((row) => JSON.parse(row.entries) as Record<string, unknown>[]) // what appendAudit writes
    .filter((entry) => entry["request"] === request);
};
const noChoiceWaits = () =>
  until(
    async () => (await rows("select 1 from events where kind = 'action_submitted' and state = 'pending'")).length === 0,
  );
async function rule(effect: "deny", action: string, person: string): Promise<() => Promise<void>> {
  const [place] = await until(() =>
    rows<{ installation_id: string; organization_id: string }>(
      "select installation_id, organization_id from channels where channel_id = $1",
      channel,
    ).then((found) => (found.length > 0 ? found : undefined)),
  );
  await rows(
    `insert into access_rules (id, organization_id, level, installation_id, place_id, subject_kind, subject, action, effect, source, created_by)
     values ('test-rule', $1, 'channel', $2, $3, 'person', $4, $5, $6, 'operator', 'test')`,
    place?.organization_id,
    place?.installation_id,
    channel,
    person,
    action,
    effect,
  );
  await rows("select pg_notify('parley_access', '')");
  return async () => {
    await rows("delete from access_rules where id = 'test-rule'");
    await rows("select pg_notify('parley_access', '')");
  };
}

it("lets one of two people who click at the same moment decide, and tells the other by whom it was decided", async () => {
  ask("live now");
  const { ts } = await shows("Shall I deploy?");
  await Promise.all([click(ben, ts, 0), click(cyd, ts, 1)]);
  const { text } = await shows(/^Decided (?:yes|no)/u);
  const [request] = await requestsHere();
  const [winner, loser] = request?.decided_by === ben ? [ben, cyd] : [cyd, ben];
  expect(request).toMatchObject({ state: "decided", decided_by: winner });
  expect(text).toContain(winner === ben ? "yes (allow)" : "no (deny)");
  expect(await until(() => told(loser)[0])).toContain("came too late");
  expect(told(winner)).toEqual([]);
  const events = await rows<{ state: string }>(
    "select e.state from events e join conversations c on c.id = e.conversation_id where c.channel_id = $1 and e.kind = 'action_submitted' order by e.state",
    channel,
  );
  expect(events.map((event) => event.state)).toEqual(["answered", "dropped"]);
  expect((await audited(request?.id ?? "")).map((entry) => entry["outcome"])).toEqual(["asked", "decided"]);
});

it("refuses whom an access list denies it, tells them why, and leaves the question open for others", async () => {
  ask("live now");
  const { ts } = await shows("Shall I deploy?");
  const lift = await rule("deny", "approve", ben);
  await until(async () => {
    await click(ben, ts, 0);
    return told(ben)[0] ?? (await requestsHere())[0]?.state === "decided";
  });
  expect(told(ben)[0]).toContain("You may not decide this here (denied_at_channel).");
  const [open] = await requestsHere();
  expect(open?.state).toBe("open");
  await noChoiceWaits();
  await lift();
  await click(ada, ts, 0);
  await shows("Decided yes (allow)");
  const entries = await audited(open?.id ?? "");
  expect(entries.find((entry) => entry["what"] === "denied")).toMatchObject({ by: ben, rule: "denied_at_channel" });
  expect(entries.filter((entry) => entry["outcome"] === "decided")).toMatchObject([{ by: ada, option: "yes" }]);
});

it("asks the platform whether somebody is still in the channel when they click", async () => {
  // No event tells of the leave.
  parley.slack.setup.configureApp(parley.space.app.appId, { eventTypes: ["message.groups", "message.channels"] });
  ask("live now");
  const { ts } = await shows("Shall I deploy?");
  parley.slack.people.leave(ben, channel);
  await click(ben, ts, 0);
  await until(
    async () =>
      (
        await rows(
          "select 1 from events where kind = 'action_submitted' and state_reason = 'decision_refused_not_a_member'",
        )
      ).length > 0,
  );
  expect((await requestsHere()).map(({ state }) => state)).toEqual(["open"]);
  parley.slack.setup.configureApp(parley.space.app.appId, { eventTypes: "all" });
  await click(ada, ts, 1);
  await shows("Decided no (deny)");
});

it("asks again about other arguments, and not about the same", async () => {
  ask("twice");
  const first = await shows("Shall I deploy?");
  await click(ada, first.ts, 0);
  const second = await until(() => shown().find((one) => one.ts !== first.ts && one.text.includes("Shall I deploy?")));
  // The buttons of the first question decide nothing of the second.
  expect(() => click(ada, first.ts, 1)).toThrow("has no element");
  await click(ben, second.ts, 1);
  const { text } = await shows("First Decided yes");
  expect(text).toMatch(/First Decided yes .*; then Decided no .*; again Decided yes /u);
  const kept = await requestsHere();
  expect(kept.map(({ state, decided_by }) => [state, decided_by])).toEqual([
    ["decided", ada],
    ["decided", ben],
  ]);
  expect(new Set(kept.map(({ binding }) => binding)).size).toBe(2);
});

it("takes what was filled in by a form, and shows who did", async () => {
  ask("form");
  const { ts } = await shows("Which version?");
  await parley.slack.gestures.clickButton(ben, { channel, ts }, inputActionId("version"));
  const view = await until(() => parley.slack.gestures.viewsOf(ben)[0]);
  await parley.slack.gestures.submitView(ben, view.id, {
    "field:v": { value: { type: "plain_text_input", value: "1.2.3" } },
  });
  await shows('Decided form (none) with {"v":"1.2.3"}');
  const filled = await until(() => shown().find((one) => one.ts === ts && one.text.includes("Answered by")));
  expect(filled.text).toMatch(/Answered by .+, \d{4}-/u);
});

it("expires, says so, and tells whoever comes after", async () => {
  ask("live within=1200");
  const { ts } = await shows("Shall I deploy?");
  const before = parley.slack.core.world.needMessage(channel, ts);
  const blocks = before.blocks;
  await shows("It was expired");
  await until(() => shown().find((one) => one.ts === ts && one.text.includes("Nobody decided in time")));
  // A client that has not drawn the edit yet.
  const message = parley.slack.core.world.needMessage(channel, ts);
  message.blocks = blocks ?? [];
  await click(ben, ts, 0);
  expect(await until(() => told(ben)[0])).toContain("Nobody decided in time");
  const [request] = await requestsHere();
  expect(request).toMatchObject({ state: "expired" });
  expect((await audited(request?.id ?? "")).at(-1)).toMatchObject({ outcome: "expired", by: "parley" });
});

it("calls the question off with its turn, and its message says so", async () => {
  const trigger = ask("live now");
  const { ts } = await shows("Shall I deploy?");
  parley.slack.people.deleteAs(ada, channel, trigger);
  await until(() => shown().find((one) => one.ts === ts && one.text.includes("Called off")));
  expect((await requestsHere())[0]?.state).toBe("cancelled");
  const [turn] = await rows<{ state: string }>(
    "select t.state from turns t join conversations c on c.id = t.conversation_id where c.channel_id = $1",
    channel,
  );
  expect(turn?.state).toBe("cancelled");
});

it("answers others while a flood of clicks is refused", async () => {
  ask("live now");
  const { ts } = await shows("Shall I deploy?");
  const lift = await rule("deny", "approve", cyd);
  await until(async () => {
    await click(cyd, ts, 0);
    return told(cyd).length > 0;
  });
  const flood = Promise.all(Array.from({ length: 120 }, () => click(cyd, ts, 0)));
  const elsewhere = parley.slack.setup.addChannel(parley.space.team.id, {
    isPrivate: true,
    members: [ada, parley.space.bot.botUserId],
  }).id;
  parley.slack.people.postAs(ada, elsewhere, parley.ask("asker", "ask please"));
  await until(
    () =>
      parley.slack.log
        .posts({ channel: elsewhere, by: "app" })
        .some((post) => post.text?.includes("One question.") === true),
    5_000,
  );
  await flood;
  await click(ada, ts, 0);
  await shows("Decided yes (allow)");
  await lift();
  await noChoiceWaits();
  const [request] = await requestsHere();
  expect(request).toMatchObject({ state: "decided", decided_by: ada });
});
