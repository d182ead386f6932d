import { afterAll, beforeAll, expect, it } from "vitest";
import { approvalActionId } from "../../../adapters/slack/actions.ts";
import { defineAgent } from "../../../agents/shared/agent-function.ts";
import { EVENT_POLICIES } from "../../../src/access/event-policies.ts";
import { ACCESS_ACTIONS } from "../../../src/contracts/access.ts";
import { EVENT_KINDS, type EventKind } from "../../../src/envelope/envelope.ts";
import { type DiscordApp, startDiscordApp } from "../../support/app/discord-app.ts";
import { type SlackApp, startSlackApp, until } from "../../support/app/slack-app.ts";

/** Security rule R8 at the real entrances: every kind of event there is, by somebody who may nothing and to an agent that may not speak. */

let parley: SlackApp;
let discord: DiscordApp;
/** May nothing from the start; and one who could do everything until they had asked. */
let barred = "";
let late = "";
let question = "";
let thread = "";
let lateQuestion = "";
const started: string[] = [];
const heard: string[] = [];

const SQL_DENY = `insert into access_rules (id, organization_id, level, subject_kind, subject, action, effect, source, created_by)
  values ($1, 'main', 'organization', $2, $3, $4, 'deny', 'operator', 'test')`;

async function deny(kind: "person" | "agent", subject: string, actions: readonly string[]): Promise<void> {
  for (const ledger of [parley.ledger, discord.ledger]) {
    for (const action of actions)
      await ledger.query({ text: SQL_DENY }, [`no-${kind}-${subject}-${action}`, kind, subject, action]);
    await ledger.query({ text: "select pg_notify('parley_access', '')" });
  }
}

const keeper = defineAgent(async function* (request, io) {
  started.push(request.trigger.sender.id);
  if (request.trigger.text.includes("take your time"))
    return await new Promise<void>((resolve) => io.signal.addEventListener("abort", () => resolve(), { once: true }));
  if (request.trigger.text.includes("later"))
    await io.tools
      .find(({ name }) => name === "schedule")
      ?.execute({ task: "remind them", inMs: 1_000, callId: "one" }, io.signal);
  yield "at your service";
  yield {
    type: "approval_request",
    approvalId: "deploy",
    prompt: "Deploy?",
    options: [{ id: "yes", label: "Yes", effect: "allow" }],
  };
});
/** Hears of everything that there is to hear of, and may not speak. */
const mute = {
  handle: "mute",
  name: "Mute",
  speaksFirst: true,
  on: ["member_joined" as const, "channel_created" as const, "reaction_added" as const],
  connector: {
    kind: "function" as const,
    run: defineAgent(async function* () {
      heard.push("something");
      yield "I heard";
    }),
  },
};

beforeAll(async () => {
  const agents = [
    { handle: "keeper", name: "Keeper", speaksFirst: true, connector: { kind: "function" as const, run: keeper } },
    mute,
    { ...mute, handle: "ear", name: "Ear", on: ["reaction_added" as const] },
  ];
  parley = await startSlackApp(agents);
  discord = await startDiscordApp([mute]);
  [, barred = "", late = ""] = parley.space.users;
  const { people, log } = parley.slack;
  thread = people.postAs(parley.user, parley.channel, parley.ask("keeper", "hello"), {}).ts;
  const asked = await until(() =>
    log
      .posts({ channel: parley.channel, by: "app" })
      .find((post) => post.threadTs === thread && post.text?.includes("Deploy")),
  );
  question = asked.ts ?? "";
  lateQuestion = people.postAs(late, parley.channel, parley.ask("keeper", "take your time"), {}).ts;
  people.postAs(late, parley.channel, parley.ask("keeper", "later"), {});
  await until(async () => (await rows("select 1 from schedules")).length === 1);
  await until(() => started.filter((id) => id === late).length === 2);
  await deny("person", barred, ACCESS_ACTIONS);
  await deny("person", late, ACCESS_ACTIONS);
  await deny("agent", "mute", ["post"]);
  started.length = 0;
});
afterAll(async () => {
  await parley.close();
  await discord.close();
});

const rows = async <Row>(text: string, ...values: unknown[]): Promise<Row[]> =>
  await parley.ledger.query<Row>({ text }, values);

interface Entrance {
  readonly enter: () => unknown;
  /** What is recorded with an event of the kind by somebody who may nothing: its state's reason, the decisions on it, or why it never came. */
  readonly recorded: RegExp;
  readonly on?: "discord";
}
/** It says what has happened: no agent hears of it, and nothing but the mirror changes. */
const FACT = /^dropped recorded null$/u;
const DENIED = /sender_denied_at_organization/u;
/** The agent that hears of it is decided about; nobody asked for anything. */
const AGENT_DENIED = /"rule": "(?:denied_at_organization|identity_not_in_channel)"/u;

/** A kind that is new does not compile before it says here how it comes and what is decided about it. */
const ENTRANCES: Readonly<Record<EventKind, Entrance>> = {
  message_created: {
    enter: () => parley.slack.people.postAs(barred, parley.channel, parley.ask("keeper", "hello")),
    recorded: DENIED,
  },
  message_edited: {
    enter: () => parley.slack.people.editAs(late, parley.channel, lateQuestion, parley.ask("keeper", "be quick")),
    recorded: DENIED,
  },
  message_deleted: {
    enter: () => parley.slack.people.deleteAs(late, parley.channel, lateQuestion),
    recorded: FACT,
  },
  reaction_added: {
    enter: () => parley.slack.people.reactAs(barred, parley.channel, question, "eyes"),
    recorded: DENIED,
  },
  reaction_removed: {
    enter: () => parley.slack.people.unreactAs(barred, parley.channel, question, "eyes"),
    recorded: FACT,
  },
  member_joined: {
    enter: () => {
      const channel = parley.space.channels[1] ?? "";
      parley.slack.people.leave(late, channel);
      parley.slack.people.join(late, channel);
    },
    recorded: AGENT_DENIED,
  },
  member_left: { enter: () => parley.slack.people.leave(barred, parley.space.channels[1] ?? ""), recorded: FACT },
  channel_created: { enter: () => parley.slack.people.createChannel(barred, "a-new-one"), recorded: AGENT_DENIED },
  channel_renamed: {
    enter: () => parley.slack.people.rename(parley.user, parley.space.channels[2] ?? "", "another-name"),
    recorded: FACT,
  },
  channel_archived: {
    enter: () => parley.slack.people.archive(parley.user, parley.space.channels[2] ?? ""),
    recorded: FACT,
  },
  thread_created: {
    enter: () => discord.discord.people.threadAs(discord.user, discord.channel, "aside"),
    recorded: FACT,
    on: "discord",
  },
  direct_message_opened: { enter: () => parley.slack.gestures.openHome(barred), recorded: FACT },
  command_invoked: {
    enter: () => parley.slack.gestures.slash(barred, parley.channel, "/parley", "ask @keeper hello"),
    recorded: DENIED,
  },
  action_submitted: {
    enter: () =>
      parley.slack.gestures.clickButton(
        barred,
        { channel: parley.channel, ts: question },
        approvalActionId("deploy", 0),
      ),
    recorded: /decision_refused_denied_at_organization/u,
  },
  session_stopped: {
    enter: () => parley.slack.gestures.stopSession(barred, parley.channel, thread),
    recorded: DENIED,
  },
  schedule_fired: {
    enter: () => rows("update schedules set due_at = now() - interval '1 second'"),
    recorded: /asker_denied_at_organization/u,
  },
};

const eventsOf = async (kind: EventKind, on: Entrance["on"]) =>
  await (on === "discord" ? discord.ledger : parley.ledger).query<{
    id: string;
    state: string;
    state_reason: string | null;
    decisions: string | null;
  }>({ text: "select id, state, state_reason, decisions::text from events where kind = $1" }, [kind]);

/** What was recorded with the event of a kind that came just now, once it is done with. */
async function recordedOf(kind: EventKind, on: Entrance["on"], before: ReadonlySet<string>): Promise<string> {
  return await until(async () => {
    if (kind === "schedule_fired")
      return (await rows<{ state_reason: string | null }>("select state_reason from schedules"))[0]?.state_reason;
    const row = (await eventsOf(kind, on)).find(({ id }) => !before.has(id));
    return row === undefined || row.state === "pending" || row.state === "routed"
      ? undefined
      : `${row.state} ${row.state_reason} ${row.decisions}`;
  });
}

it.each(EVENT_KINDS)("%s is decided about, and starts nothing for who may nothing", async (kind) => {
  const { enter, recorded, on } = ENTRANCES[kind];
  const before = new Set((await eventsOf(kind, on)).map(({ id }) => id));
  await enter();
  expect(await recordedOf(kind, on, before)).toMatch(recorded);
  expect(started.filter((id) => id === barred || id === late)).toEqual([]);
  expect(heard).toEqual([]);
  // The table says the same: a fact asks nothing and is never heard of, and all else does one or the other.
  const { asks, routed } = EVENT_POLICIES[kind];
  expect(asks.length > 0 || routed === "heard").toBe(recorded !== FACT);
});
