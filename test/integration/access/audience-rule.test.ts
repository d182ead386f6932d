import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import type { NarrowerSourcePolicy } from "../../../src/contracts/access.ts";
import { type SlackApp, startSlackApp, until } from "../../support/app/slack-app.ts";
import { createReadingAgent } from "./reading-agent.ts";

const agent = createReadingAgent();
let parley: SlackApp;
/** Asks; knows secrets that ben does not. */
let ada = "";
let ben = "";
let cyd = "";
/** Where it is asked: ada and ben. */
let room = "";
/** Sources: of ada, ben and cyd; of ada and cyd. */
let wide = "";
let narrow = "";
let canary = "";
/** What the names of this test's channels end in. */
let tag = "";
let asked = 0;

beforeAll(async () => {
  parley = await startSlackApp([
    {
      handle: "reader",
      name: "Reader",
      connector: { kind: "function", run: agent.run },
      replyInThread: false,
      speaksFirst: true,
    },
    {
      handle: "homebody",
      name: "Homebody",
      connector: { kind: "function", run: agent.run },
      replyInThread: false,
      channels: ["room-*"],
    },
  ]);
  [ada = "", ben = "", cyd = ""] = parley.space.users;
});
afterAll(() => parley.close());

/** New channels for each test, so that no fact of an earlier one helps. */
beforeEach(async () => {
  const { setup, people, deliveries } = parley.slack;
  const { id: team } = parley.space.team;
  const bot = parley.space.bot.botUserId;
  tag = randomUUID().slice(0, 8);
  const make = (name: string, ...members: string[]): string =>
    setup.addChannel(team, { name: `${name}-${tag}`, isPrivate: true, members: [...members, bot] }).id;
  room = make("room", ada, ben);
  wide = make("wide", ada, ben, cyd);
  narrow = make("narrow", ada, cyd);
  canary = `canary-${randomUUID()}`;
  people.postAs(ada, wide, `wide ${canary}`);
  people.postAs(cyd, narrow, `narrow ${canary}`);
  await deliveries.whenIdle();
  await until(async () => (await messagesIn(narrow)) + (await messagesIn(wide)) === 2);
});

const messagesIn = async (channel: string): Promise<number> =>
  (await parley.ledger.query({ text: "select 1 from messages where channel_id = $1" }, [channel])).length;

/** Resolves once Parley knows what these channels are called; an adapter learns that with what is said there. */
const named = async (...channels: string[]): Promise<void> => {
  const known = "select 1 from channels where channel_id = $1 and name is not null";
  for (const channel of channels) {
    const isKnown = async (): Promise<boolean> => (await parley.ledger.query({ text: known }, [channel])).length === 1;
    for (let n = 0; n < 10 && !(await isKnown()); n += 1) {
      parley.slack.people.postAs(ada, channel, "and so on");
      await until(isKnown, 500).catch(() => undefined);
    }
  }
};
const ask = (...lines: string[]): void => {
  asked = agent.heard.length;
  parley.slack.people.postAs(ada, room, parley.ask("reader", lines.join("\n")));
};
/** Resolves once the turn that was asked for last has its first result. */
const hasRead = (): Promise<unknown> => until(() => agent.heard[asked]?.results.length === 1);
const history = (reference: string): string => `conversation_history ${JSON.stringify({ conversation: reference })}`;
/** The newest text of every message that apps have in a channel. */
const shown = (channel: string): readonly { ts: string; text: string }[] => {
  const texts = new Map<string, string>();
  for (const entry of parley.slack.log.entries)
    if (entry.by === "app" && entry.channel === channel && (entry.kind === "post" || entry.kind === "update"))
      texts.set(entry.ts ?? "", entry.text ?? "");
  return [...texts].map(([ts, text]) => ({ ts, text }));
};
/** Whether the canary was ever in front of anybody by an app's doing, ephemeral messages apart. */
const leaked = (): boolean =>
  parley.slack.log.entries.some(
    (entry) => entry.by === "app" && entry.kind !== "ephemeral" && JSON.stringify(entry).includes(canary),
  );
const whispers = (): readonly { user: unknown; text: string | undefined }[] =>
  parley.slack.log
    .ofKind("ephemeral")
    .filter((entry) => entry.channel === room)
    .map((entry) => ({ user: entry.detail?.["user"], text: entry.text }));
const audited = async (what: string): Promise<readonly Record<string, unknown>[]> => {
  const rows = await parley.ledger.query<{ entries: string }>({ text: "select entries from audit_log order by id" });
  return rows
    .flatMap((row) => JSON.parse(row.entries) as Record<string, unknown>[]) // what appendAudit writes
    .filter((entry) => entry["what"] === what);
};
const setPolicy = async (policy: NarrowerSourcePolicy): Promise<void> => {
  const [row] = await parley.ledger.query<{ installation_id: string; organization_id: string }>(
    { text: "select installation_id, organization_id from channels where channel_id = $1" },
    [wide],
  );
  await parley.ledger.query(
    {
      text: `insert into channel_policies (installation_id, channel_id, organization_id, on_narrower_source, source) values ($1, $2, $3, $4, 'operator')
        on conflict (installation_id, channel_id) do update set on_narrower_source = excluded.on_narrower_source`,
    },
    [row?.installation_id, room, row?.organization_id, policy],
  );
  await parley.ledger.query({ text: "select pg_notify('parley_access', '')" });
  await new Promise((resolve) => setTimeout(resolve, 300));
};
const lastPost = (): Promise<{ ts: string; text: string }> => until(() => shown(room).at(-1));

it("answers with what all who read the answer may read, and says where each message is from", async () => {
  ask(history(wide), "tell");
  expect((await lastPost()).text).toContain(`wide ${canary}`);
  const [read] = agent.heard.at(-1)?.results ?? [];
  expect(read).toMatchObject([{ source: { channel: wide, message: expect.any(String) }, text: `wide ${canary}` }]);
  const [entry] = (await audited("context_read")).slice(-1);
  expect(entry).toMatchObject({ asker: ada, source: { channelId: wide }, messages: [expect.any(String)] });
  const rows = await parley.ledger.query<{ channel_id: string }>(
    { text: "select channel_id from turn_sources where channel_id = $1" },
    [wide],
  );
  expect(rows).toHaveLength(1);
});

it("withholds what not all may read, with a notice that names no source", async () => {
  ask(history(narrow), "tell");
  const { text } = await lastPost();
  expect(text).toContain("answer was withheld");
  expect(text).not.toContain(narrow);
  expect(leaked()).toBe(false);
  const [entry] = (await audited("withheld")).slice(-1);
  expect(entry).toMatchObject({ rule: "source_is_narrower", policy: "withhold", strangers: 1 });
  const kept = await parley.ledger.query({ text: "select 1 from withheld_replies where reply::text like $1" }, [
    `%${canary}%`,
  ]);
  expect(kept).toHaveLength(0);
});

it("shows nothing live of a turn once it has read elsewhere, and nothing of it when it fails or is stopped", async () => {
  ask("say one moment", history(narrow), "tell", "wait", "say end");
  await hasRead();
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  expect(leaked()).toBe(false);
  agent.letGo();
  await until(() => shown(room).find(({ text }) => text.includes("withheld")));
  expect(leaked()).toBe(false);
});

it("tells the asker alone where the channel wants that", async () => {
  await setPolicy("asker");
  ask(history(narrow), "tell");
  expect((await lastPost()).text).toContain("goes to the person who asked alone");
  const [whisper] = await until(() => (whispers().length > 0 ? whispers() : undefined));
  expect(whisper).toMatchObject({ user: ada, text: expect.stringContaining(canary) });
  expect(leaked()).toBe(false);
  await until(async () => (await audited("approval")).some((entry) => entry["rule"] === "asker_alone"));
  // The next turn's transcript has the notice and not the answer.
  ask("say again");
  const request = await until(
    () => agent.heard.find((turn) => turn.request.trigger.text.includes("say again"))?.request,
  );
  expect(JSON.stringify(request)).not.toContain(canary);
});

it("puts it up for approval: only who may read all of it decides, once, and the notice says who did", async () => {
  await setPolicy("approve");
  ask(history(narrow), "tell");
  const notice = await lastPost();
  expect(notice.text).toContain("was withheld");
  const [turn] = await parley.ledger.query<{ turn_id: string }>({
    text: "select turn_id from withheld_replies where state = 'open'",
  });
  const press = (user: string, index: number) =>
    parley.slack.gestures.clickButton(
      user,
      { channel: room, ts: notice.ts },
      `parley_approval:${index}:parley.withheld:${turn?.turn_id}`,
    );
  await until(
    async () =>
      (
        await parley.ledger.query({ text: "select 1 from deliveries where message_id = $1 and state = 'delivered'" }, [
          notice.ts,
        ])
      ).length === 1,
  );

  await press(ben, 1);
  await until(async () => (await audited("denied")).some((entry) => entry["by"] === ben));
  expect(leaked()).toBe(false);
  await press(ada, 0);
  await until(() => whispers().find(({ user, text }) => user === ada && text?.includes(canary)));
  expect(leaked()).toBe(false);
  await Promise.all([press(ada, 1), press(ada, 1), press(ben, 1)]);
  await until(() => shown(room).find(({ text }) => text.includes(canary)));
  await until(() => shown(room).find(({ ts, text }) => ts === notice.ts && text.includes("was released by")));
  await parley.slack.deliveries.whenIdle();
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(shown(room).filter(({ text }) => text.includes(canary))).toHaveLength(1);
  expect(
    (await audited("approval")).filter((entry) => entry["outcome"] === "released" && entry["policy"] === "approve"),
  ).toHaveLength(1);
});

it("withholds when the asker leaves the source before the reply", async () => {
  ask(history(wide), "tell", "wait");
  await hasRead();
  parley.slack.people.kick(cyd, wide, ada);
  await parley.slack.deliveries.whenIdle();
  await until(
    async () =>
      (
        await parley.ledger.query(
          { text: "select 1 from memberships where channel_id = $1 and member_id = $2 and state = 'left'" },
          [wide, ada],
        )
      ).length === 1,
  );
  agent.letGo();
  expect((await lastPost()).text).toContain("answer was withheld");
  expect(leaked()).toBe(false);
});

it("withholds when somebody joins who may not read the source", async () => {
  const dot = parley.slack.setup.addUser(parley.space.team.id, { name: "dot" });
  ask(history(wide), "tell", "wait");
  await hasRead();
  parley.slack.people.invite(ada, room, dot);
  await parley.slack.deliveries.whenIdle();
  await until(
    async () =>
      (
        await parley.ledger.query({ text: "select 1 from memberships where channel_id = $1 and member_id = $2" }, [
          room,
          dot,
        ])
      ).length === 1,
  );
  agent.letGo();
  expect((await lastPost()).text).toContain("answer was withheld");
  expect(leaked()).toBe(false);
});

it("reads by name, and a public channel for a private one, but not the other way round", async () => {
  const [commons = ""] = parley.space.channels;
  parley.slack.people.postAs(ben, commons, `common ${canary}`);
  await parley.slack.deliveries.whenIdle();
  await named(wide);
  ask(history(`#wide-${tag}`), "tell");
  expect((await lastPost()).text).toContain(`wide ${canary}`);
  ask(history(commons), "tell");
  await until(() => shown(room).find(({ text }) => text.includes(`common ${canary}`)));
  parley.slack.people.postAs(ada, commons, parley.ask("reader", [history(wide), "tell"].join("\n")));
  await until(() => shown(commons).find(({ text }) => text.includes("answer was withheld")));
  expect(shown(commons).filter(({ text }) => text.includes(canary))).toEqual([]);
});

it("finds words only where asker and agent are, and names only what all here may know of", async () => {
  await named(wide, narrow);
  ask(`conversation_search ${JSON.stringify({ words: canary })}`, "conversations", "tell");
  const turn = await until(() => (agent.heard[asked]?.results.length === 2 ? agent.heard[asked] : undefined));
  const [found, listed] = turn.results.map((result) => JSON.stringify(result));
  expect(found).toContain(`wide ${canary}`);
  expect(found).toContain(`narrow ${canary}`);
  expect(listed).toContain(`wide-${tag}`);
  expect(listed).not.toContain(`narrow-${tag}`);
  expect((await lastPost()).text).toContain("answer was withheld");

  parley.slack.people.postAs(
    ben,
    room,
    parley.ask("reader", `conversation_search ${JSON.stringify({ words: canary })}`),
  );
  const other = await until(() => (agent.heard[asked + 1]?.results.length === 1 ? agent.heard[asked + 1] : undefined));
  expect(JSON.stringify(other.results)).toContain(`wide ${canary}`);
  expect(JSON.stringify(other.results)).not.toContain(`narrow ${canary}`);
});

it("reads nothing for an agent that is not in the channel, and says so in the audit log alone", async () => {
  await named(room);
  const next = agent.heard.length;
  parley.slack.people.postAs(ada, room, parley.ask("homebody", [history(wide), "tell"].join("\n")));
  const turn = await until(() => (agent.heard[next]?.results.length === 1 ? agent.heard[next] : undefined));
  expect(turn.results).toEqual([{ error: "there is no such conversation" }]);
  expect((await audited("denied")).at(-1)).toMatchObject({
    rule: "agent_not_in_channel",
    tool: "conversation_history",
  });
});

it("answers the same where the identity is out of the channel, though nobody told", async () => {
  const gone = parley.slack.setup.addChannel(parley.space.team.id, {
    name: `gone-${tag}`,
    members: [ada, cyd],
  }).id;
  await parley.ledger.query(
    {
      text: `with c as (insert into conversations (id, organization_id, installation_id, platform, channel_id, path)
          select 'c_gone_' || $1, organization_id, installation_id, platform, $1, jsonb_set(path, '{channel,id}', to_jsonb($1::text)) from conversations where channel_id = $2 and thread_id is null returning *),
        h as (insert into channels (installation_id, channel_id, organization_id, kind, name) select installation_id, $1, organization_id, 'private', 'gone' from c)
        insert into messages (installation_id, channel_id, message_id, organization_id, conversation_id, sender, content, text, platform_order, occurred_at)
        select installation_id, $1, '1.1', organization_id, id, '{"id":"x","kind":"human"}', '[]', $3, '1', now() from c`,
    },
    [gone, wide, `gone ${canary}`],
  );
  ask(history(gone));
  await hasRead();
  expect(agent.heard[asked]?.results).toEqual([{ error: "there is no such conversation" }]);
});

it("forgets after a day what nobody decided, and shows an asker what a crash kept from them", {
  timeout: 90_000,
}, async () => {
  await setPolicy("approve");
  ask(history(narrow), "tell");
  const notice = await lastPost();
  const kept = (where: string) =>
    parley.ledger.query<{ turn_id: string; state: string; reply: unknown }>({
      text: `select turn_id, state, reply from withheld_replies ${where}`,
    });
  const [undecided] = await kept("where state = 'open' order by created_at desc limit 1");
  expect(undecided).toMatchObject({ state: "open" });
  await parley.ledger.query(
    { text: "update withheld_replies set created_at = now() - interval '25 hours' where turn_id = $1" },
    [undecided?.turn_id],
  );
  await setPolicy("asker");
  ask(history(narrow), "say for you");
  const [told] = await until(async () => {
    const rows = await kept("where policy = 'asker' order by created_at desc limit 1");
    return whispers().length === 1 && rows[0]?.state === "released" ? rows : undefined;
  });
  // As if the process had ended between the commit and the showing.
  await parley.ledger.query(
    {
      text: `update withheld_replies set state = 'open', reply = '[{"type":"text","markdown":"late for you"}]', created_at = now() - interval '2 minutes' where turn_id = $1`,
    },
    [told?.turn_id],
  );
  await until(() => whispers().find(({ text }) => text?.includes("late for you")), 45_000);
  await until(
    () => shown(room).find(({ ts, text }) => ts === notice.ts && text.includes("nobody released it in time")),
    45_000,
  );
  expect(await kept(`where turn_id = '${undecided?.turn_id}'`)).toMatchObject([{ state: "expired", reply: null }]);
  expect(leaked()).toBe(false);
});

it("forgets a reply that waits once a message that it was based on is deleted", { timeout: 90_000 }, async () => {
  await setPolicy("approve");
  const { ts } = parley.slack.people.postAs(cyd, narrow, `soon gone ${canary}`);
  await parley.slack.deliveries.whenIdle();
  await until(async () => (await messagesIn(narrow)) === 2);
  ask(history(narrow), "tell");
  const notice = await lastPost();
  parley.slack.people.deleteAs(cyd, narrow, ts);
  await until(
    () => shown(room).find((post) => post.ts === notice.ts && post.text.includes("what it was based on was deleted")),
    60_000,
  );
  const kept = "select 1 from withheld_replies where reply::text like $1";
  expect(await parley.ledger.query({ text: kept }, [`%soon gone ${canary}%`])).toEqual([]);
  expect(leaked()).toBe(false);
});

it("lets a turn that has read elsewhere leave nothing of it here by its tools: no post, no document, no task for later", async () => {
  const task = JSON.stringify({ task: "later", inMs: 1_000 });
  const value = JSON.stringify({ name: "notes", revision: 0, value: "kept" });
  await named(narrow);
  ask(
    history(`narrow-${tag}`),
    `schedule ${task}`,
    `post ${JSON.stringify({ text: "said" })}`,
    `document_write ${value}`,
  );
  const turn = await until(() => {
    const heard = agent.heard[asked];
    return heard !== undefined && heard.results.length + heard.failures.length === 4 ? heard : undefined;
  });
  for (const result of turn.results.slice(1)) expect(result).toMatchObject({ error: expect.any(String) });
  const kept = "select (select count(*) from schedules) + (select count(*) from shared_documents) as left_behind";
  const [row] = await parley.ledger.query<{ left_behind: string }>({ text: kept });
  expect(Number(row?.left_behind)).toBe(0);
});
