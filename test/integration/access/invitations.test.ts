import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { defineAgent } from "../../../agents/shared/agent-function.ts";
import { type SlackApp, startSlackApp, until } from "../../support/app/slack-app.ts";

let parley: SlackApp;
let ada = "";
let ben = "";
let cyd = "";
let room = "";
let turns = 0;
let aborted = 0;
let hold: (() => void) | undefined;

/** Answers at once, or works until it is stopped or let go when the question says so. */
const helper = defineAgent(async function* (request, io) {
  turns += 1;
  if (!request.trigger.text.includes("slowly")) {
    yield `answer ${turns}`;
    return;
  }
  await new Promise<void>((resolve) => {
    hold = resolve;
    io.signal.addEventListener("abort", () => {
      aborted += 1;
      resolve();
    });
  });
  yield "too late";
});

beforeAll(async () => {
  parley = await startSlackApp([
    {
      handle: "helper",
      name: "Helper",
      channels: ["nowhere-*"],
      replyInThread: false,
      connector: { kind: "function", run: helper },
    },
    { handle: "open", name: "Open", channels: ["*"], connector: { kind: "function", run: helper } },
  ]);
  [ada = "", ben = "", cyd = ""] = parley.space.users;
});
afterAll(() => parley.close());
afterEach(() => hold?.());

let rooms = 0;
/** A new private channel with all three and the bot in it. */
async function newRoom(): Promise<void> {
  rooms += 1;
  const { setup, people } = parley.slack;
  room = setup.addChannel(parley.space.team.id, {
    name: `room-${rooms}`,
    isPrivate: true,
    members: [ada, ben, cyd, parley.space.bot.botUserId],
  }).id;
  // The mirror learns of people by what they do.
  for (const user of [ada, ben, cyd]) people.postAs(user, room, "hello");
  await parley.slack.deliveries.whenIdle();
}

/** Types a command and resolves with what only its author sees. */
async function say(user: string, text: string): Promise<string> {
  const before = parley.slack.log.ofKind("response_url").length;
  const { acknowledged } = await parley.slack.gestures.slash(user, room, "/parley", text);
  expect(acknowledged).toBe(true);
  await until(() => parley.slack.log.ofKind("response_url").length > before);
  const answer = parley.slack.log.ofKind("response_url").at(-1);
  expect(answer?.detail).toMatchObject({ responseType: "ephemeral", user });
  return answer?.text ?? "";
}

const posts = (): number => parley.slack.log.posts({ by: "app" }).filter((post) => post.channel === room).length;
const eventsDone = async (): Promise<boolean> =>
  (await parley.ledger.query({ text: "select 1 from events where finished_at is null" })).length === 0;
/** Asks the helper and resolves with whether it answered. */
async function isAnswered(user: string, text = "are you there?"): Promise<boolean> {
  const before = posts();
  parley.slack.people.postAs(user, room, parley.ask("helper", text));
  await parley.slack.deliveries.whenIdle();
  await until(eventsDone, 30_000);
  return posts() > before;
}
const invitations = () =>
  parley.ledger.query<{ inviter_id: string; ended_reason: string | null }>(
    { text: "select inviter_id, ended_reason from agent_invitations where channel_id = $1 order by created_at" },
    [room],
  );
const audited = async (): Promise<readonly { readonly [detail: string]: unknown }[]> => {
  const rows = await parley.ledger.query<{ entries: string }>({
    text: "select entries from audit_log order by xact, id",
  });
  return rows
    .flatMap((row) => JSON.parse(row.entries) as { readonly [detail: string]: unknown }[]) // written by the audit log itself
    .filter((entry) => entry["channel"] === room && (entry["change"] !== undefined || entry["what"] === "denied"));
};

it("takes part from the moment a member invites it until the invitation ends", { timeout: 60_000 }, async () => {
  await newRoom();
  expect(await isAnswered(ada)).toBe(false);
  expect(await say(ada, "invite @helper")).toContain("@helper takes part here now");
  expect(await isAnswered(ben)).toBe(true);
  expect(await say(ben, "uninvite @helper")).toContain("no longer takes part");
  expect(await isAnswered(ada)).toBe(false);
  expect(await invitations()).toMatchObject([{ inviter_id: ada, ended_reason: "class_member" }]);
  expect((await audited()).map(({ change, by }) => [change, by])).toEqual([
    ["invited", ada],
    ["uninvited", ben],
  ]);
});

it("is heard by the very next message, however close it follows", { timeout: 60_000 }, async () => {
  await newRoom();
  const before = posts();
  await say(ada, "invite @helper");
  parley.slack.people.postAs(ada, room, parley.ask("helper", "and now?"));
  expect(await until(() => posts() > before)).toBe(true);
});

it("ends with its inviter's membership, with the work under way", { timeout: 60_000 }, async () => {
  await newRoom();
  await say(ada, "invite @helper");
  const before = turns;
  parley.slack.people.postAs(ben, room, parley.ask("helper", "think slowly"));
  await until(() => turns > before);
  const stopped = aborted;
  parley.slack.people.leave(ada, room);
  await until(() => aborted > stopped);
  await until(eventsDone, 30_000);
  expect(await invitations()).toMatchObject([{ inviter_id: ada, ended_reason: "inviter_left" }]);
  expect(parley.slack.log.posts({ by: "app" }).some((post) => post.text?.includes("too late"))).toBe(false);
  expect(await isAnswered(ben)).toBe(false);
});

it("outlives its inviter's membership once another member has taken it over", { timeout: 60_000 }, async () => {
  await newRoom();
  await say(ada, "invite @helper");
  expect(await say(ben, "invite @helper")).toContain("takeover @helper");
  expect(await say(ben, "takeover @helper")).toContain("yours now");
  parley.slack.people.leave(ada, room);
  await parley.slack.deliveries.whenIdle();
  expect(await isAnswered(cyd)).toBe(true);
  parley.slack.people.leave(ben, room);
  await until(async () => (await invitations())[0]?.ended_reason === "inviter_left");
  expect(await isAnswered(cyd)).toBe(false);
});

it("is not for who may not: a deny holds, and is audited", { timeout: 60_000 }, async () => {
  await newRoom();
  const [installation] = await parley.ledger.query<{ id: string }>({
    text: "select id from installations where platform = 'slack'",
  });
  await parley.ledger.query(
    {
      text: `insert into access_rules (id, organization_id, level, installation_id, place_id, subject_kind, subject, action, effect, source, created_by)
        values ($1, 'main', 'channel', $2, $3, 'person', $4, 'invite_agent', 'deny', 'operator', 'test')`,
    },
    [`g_test_${rooms}`, installation?.id, room, ben],
  );
  await parley.ledger.query({ text: "select pg_notify('parley_access', '')" });
  await until(async () => (await say(ben, "invite @helper")).includes("denied_at_channel"));
  expect(await isAnswered(ben)).toBe(false);
  expect(await say(ada, "invite @helper")).toContain("takes part here now");
  expect(await say(ben, "uninvite @helper")).toContain("denied_at_channel");
  expect(await say(ben, "takeover @helper")).toContain("denied_at_channel");
  expect(await invitations()).toMatchObject([{ inviter_id: ada, ended_reason: null }]);
  expect((await audited()).filter(({ what }) => what === "denied").length).toBeGreaterThanOrEqual(3);
});

it.each([
  ["invite", "Name the agent"],
  ["invite @nobody", "There is no agent @nobody"],
  ["uninvite @helper", "is not invited here"],
  ["takeover @helper", "is not invited here"],
  ["invite @open", "by its own definition"],
  ["uninvite @open", "by its own definition"],
])("answers %s with what is the matter", { timeout: 30_000 }, async (typed, told) => {
  if (rooms === 0 || (await invitations()).length > 0) await newRoom();
  expect(await say(ada, typed)).toContain(told);
  expect(await invitations()).toEqual([]);
});

it("is one invitation whoever asks for it at the same moment", { timeout: 60_000 }, async () => {
  await newRoom();
  const before = parley.slack.log.ofKind("response_url").length;
  const type = (user: string) => parley.slack.gestures.slash(user, room, "/parley", "invite @helper");
  await Promise.all([type(ada), type(ben), type(cyd), type(ada)]);
  await until(() => parley.slack.log.ofKind("response_url").length === before + 4);
  const open = (await invitations()).filter(({ ended_reason }) => ended_reason === null);
  expect(open).toHaveLength(1);
});
