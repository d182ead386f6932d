import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createMemberFacts, type FactPlace, type MemberFacts } from "../../../src/access/member-facts.ts";
import type { ChatAdapter } from "../../../src/contracts/adapter.ts";
import { upsertMemberships } from "../../../src/ledger/channel-mirror.ts";
import type { Database } from "../../../src/ledger/connection/database.ts";
import { openPostgres } from "../../../src/ledger/connection/postgres.ts";
import { createPresenceWatch } from "../../../src/pipeline/upkeep/presence-watch.ts";
import { type SlackApp, startSlackApp, until } from "../../support/app/slack-app.ts";
import { createTestDatabase } from "../../support/servers/shared-servers.ts";
import { createReadingAgent } from "./reading-agent.ts";

const agent = createReadingAgent();
const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, child: () => silent };
let parley: SlackApp;
let database: Database;
let adapter: ChatAdapter | undefined;
let facts: MemberFacts;
let installationId = "";
let ada = "";
let ben = "";
let cyd = "";
let channel = "";

beforeAll(async () => {
  const databaseUrl = await createTestDatabase();
  parley = await startSlackApp(
    [{ handle: "reader", name: "Reader", connector: { kind: "function", run: agent.run }, replyInThread: false }],
    {
      databaseUrl,
      ports: {
        adapter: (one) => {
          if (one.platform === "slack") adapter = one;
          return one;
        },
      },
    },
  );
  database = await openPostgres({ databaseUrl });
  facts = createMemberFacts({
    database,
    adapter: () => adapter,
    logger: silent,
    onEndedAccess: () => undefined,
  });
  [ada = "", ben = "", cyd = ""] = parley.space.users;
});
afterAll(async () => {
  await facts.close();
  await database.close();
  await parley.close();
});

/** A private channel of ada and ben, which Parley has heard of and whose members it has loaded. */
beforeEach(async () => {
  parley.slack.setup.configureApp(parley.space.app.appId, { eventTypes: "all" });
  const { setup, people } = parley.slack;
  const members = [ada, ben, parley.space.bot.botUserId];
  channel = setup.addChannel(parley.space.team.id, { isPrivate: true, members }).id;
  people.postAs(ada, channel, "good morning");
  await until(async () => (await rosterAt()) !== null);
  installationId = (await channelRow()).installation_id;
});

const channelRow = async () => {
  const [row] = await database.query<{
    installation_id: string;
    organization_id: string;
    roster_at: Date | null;
    self_member: boolean | null;
    membership_epoch: number;
    space_id: string;
    name: string;
  }>({ text: "select * from channels where channel_id = $1" }, [channel]);
  if (row === undefined) throw new Error("the channel is not mirrored");
  return row;
};
const rosterAt = async (): Promise<Date | null> => (await channelRow().catch(() => undefined))?.roster_at ?? null;
const place = (): FactPlace => ({
  organizationId: "main",
  installationId,
  path: { space: { id: parley.space.team.id }, channel: { id: channel, kind: "private", external: false } },
});
const members = async (): Promise<Record<string, string>> => {
  const rows = await database.query<{ member_id: string; told: string }>(
    {
      text: "select member_id, state || ' ' || member_class || ' ' || source as told from memberships where channel_id = $1",
    },
    [channel],
  );
  return Object.fromEntries(rows.map((row) => [row.member_id, row.told]));
};
/** As if the mirror had been told of everything an hour before. */
const ageEverything = async (): Promise<void> => {
  const hour = "interval '1 hour'";
  await database.query(
    { text: `update channels set roster_at = roster_at - ${hour}, presence_at = null where channel_id = $1` },
    [channel],
  );
  await database.query({ text: `update memberships set updated_at = updated_at - ${hour} where channel_id = $1` }, [
    channel,
  ]);
};
const deaf = (): void =>
  parley.slack.setup.configureApp(parley.space.app.appId, {
    eventTypes: ["message.channels", "message.groups", "app_mention"],
  });
/** What the app wrote last in a channel, in a new message or in one that stands. */
const newestText = (where: string): string | undefined =>
  parley.slack.log.entries.findLast(({ by, channel: at, text }) => by === "app" && at === where && text !== undefined)
    ?.text;
/** Asks the agent for something that does not end by itself, and waits until it is at it. */
const askForever = async (who: string, what = "wait"): Promise<string> => {
  parley.slack.people.postAs(who, channel, parley.ask("reader", what));
  return await until(async () => (await openTurns(who))[0]);
};
const openTurns = async (who: string, state = "running"): Promise<string[]> => {
  const rows = await database.query<{ id: string }>(
    {
      text: `select t.id from turns t join conversations c on c.id = t.reply_conversation_id
        where c.channel_id = $1 and t.asker_id = $2 and t.state = $3 and t.finished_at is null`,
    },
    [channel, who, state],
  );
  return rows.map((row) => row.id);
};
const endOf = async (turnId: string): Promise<string | undefined> => {
  const [row] = await database.query<{ told: string }>(
    { text: "select state || ' ' || state_reason as told from turns where id = $1 and finished_at is not null" },
    [turnId],
  );
  return row?.told;
};
const listings = (): number => parley.slack.requests.of("conversations.members").length;

describe("an absence of the identity", () => {
  it("makes what was known of the members old, since no event told who left meanwhile", async () => {
    const { people } = parley.slack;
    expect((await facts.of({ ...place(), personId: ben })).membership).toBe("in");
    people.kick(ada, channel, parley.space.bot.botUserId);
    await until(async () => (await channelRow()).self_member === false);
    people.leave(ben, channel);
    people.invite(ada, channel, parley.space.bot.botUserId);
    await until(async () => (await channelRow()).self_member === true);
    expect((await facts.of({ ...place(), personId: ben })).membership).toBe("out");
    expect((await facts.of({ ...place(), personId: ada })).membership).toBe("in");
  });
});

describe("the mirror", () => {
  it("holds the tree with names, and everybody with their class, once a channel is heard of", async () => {
    const { space_id: spaceId, name } = await channelRow();
    expect(spaceId).toBe(parley.space.team.id);
    expect(name).toBe(parley.slack.setup.channel(channel).name);
    const places = await database.query({ text: "select level, place_id, name from places" });
    expect(places).toContainEqual({ level: "space", place_id: spaceId, name: expect.any(String) });
    expect(await members()).toEqual({ [ada]: "joined member fetch", [ben]: "joined member fetch" });
  });

  it("is loaded when the installation joins, before anybody has said anything", async () => {
    const { setup, people } = parley.slack;
    channel = setup.addChannel(parley.space.team.id, { isPrivate: true, members: [ada, cyd] }).id;
    people.invite(ada, channel, parley.space.bot.botUserId);
    await until(async () => (await rosterAt()) !== null);
    expect(await members()).toEqual({ [ada]: "joined member fetch", [cyd]: "joined member fetch" });
    expect(await channelRow()).toMatchObject({ self_member: true });
    // While it was away, one left and one came.
    deaf();
    people.kick(ada, channel, parley.space.bot.botUserId);
    people.leave(cyd, channel);
    people.join(ben, channel);
    parley.slack.setup.configureApp(parley.space.app.appId, { eventTypes: "all" });
    people.invite(ada, channel, parley.space.bot.botUserId);
    await until(async () => (await members())[ben] !== undefined);
    expect(await members()).toEqual({
      [ada]: "joined member fetch",
      [ben]: "joined member fetch",
      [cyd]: "left member fetch",
    });
  });

  it("follows events, and does not take somebody's class from them", async () => {
    const guest = parley.slack.setup.addUser(parley.space.team.id, { isRestricted: true });
    parley.slack.people.invite(ada, channel, guest);
    await until(async () => (await members())[guest] !== undefined);
    expect(await facts.of({ ...place(), personId: guest })).toMatchObject({ membership: "in", memberClass: "guest" });
    parley.slack.people.leave(guest, channel);
    await until(async () => (await members())[guest]?.startsWith("left"));
    const before = listings();
    expect(await facts.of({ ...place(), personId: guest })).toMatchObject({
      membership: "out",
      rule: "mirror_event",
    });
    expect(listings()).toBe(before);
  });

  it("does not let an event undo what the platform answered after it", async () => {
    deaf();
    parley.slack.people.leave(ben, channel);
    await ageEverything();
    expect(await facts.of({ ...place(), personId: ben })).toMatchObject({ membership: "out" });
    // Told late: it was said while ben was in the channel.
    const late = { org: "main", inst: installationId, channel, member: ben, source: "event", implied: false } as const;
    const occurred = new Date(Date.now() - 30_000).toISOString();
    await upsertMemberships(database, [{ ...late, state: "joined", version: "9999999999.000001", occurred }]);
    expect((await members())[ben]).toBe("left member fetch");
    await upsertMemberships(database, [{ ...late, state: "joined", version: "9999999999.000002" }]);
    expect((await members())[ben]).toBe("joined member event");
  });
});

describe("facts about somebody", () => {
  it("come from the mirror while it is young, and from the platform when it is not", async () => {
    const before = listings();
    expect(await facts.of({ ...place(), personId: ada })).toMatchObject({ membership: "in", rule: "mirror_fetch" });
    expect(await facts.of({ ...place(), personId: cyd })).toMatchObject({ membership: "out", rule: "mirror_fetch" });
    expect(listings()).toBe(before);
    await ageEverything();
    deaf();
    parley.slack.people.leave(ada, channel);
    expect(await facts.of({ ...place(), personId: ada, maxAgeMs: 7_200_000 })).toMatchObject({ membership: "in" });
    expect(await facts.of({ ...place(), personId: ada })).toMatchObject({ membership: "out" });
    expect(listings()).toBe(before + 1);
  });

  it("are asked for once, however many want to know", async () => {
    await ageEverything();
    const before = listings();
    const answers = await Promise.all([ada, ben, cyd, ada, ben].map((personId) => facts.of({ ...place(), personId })));
    expect(answers.map((one) => one.membership)).toEqual(["in", "in", "out", "in", "in"]);
    expect(listings()).toBe(before + 1);
  });

  it("are unknown while the platform does not answer, and the platform is left alone", async () => {
    await ageEverything();
    const fault = { kind: "rate_limited", method: "conversations.members", retryAfterSeconds: 1 } as const;
    parley.slack.faults.add({ ...fault, times: 1 });
    const before = listings();
    expect(await facts.of({ ...place(), personId: ada })).toMatchObject({ membership: "unknown" });
    expect(await facts.of({ ...place(), personId: ben })).toMatchObject({ membership: "unknown" });
    expect(await facts.audienceOf(place())).toMatchObject({ readers: undefined, complete: false });
    expect(listings()).toBe(before + 1);
    await until(async () => (await facts.of({ ...place(), personId: ada })).membership === "in");
  });

  it("are unknown of an installation that is another organization's", async () => {
    const elsewhere = { ...place(), organizationId: "other" };
    expect(await facts.of({ ...elsewhere, personId: ada })).toMatchObject({ membership: "unknown" });
    expect((await facts.audienceOf(elsewhere)).readers).toBeUndefined();
  });

  it("tell guests, strangers, administrators and bots apart", async () => {
    const { setup, people } = parley.slack;
    const team = parley.space.team.id;
    const expected = {
      [setup.addUser(team, { isRestricted: true })]: "guest",
      [setup.addUser(team, { isUltraRestricted: true })]: "guest",
      [setup.addUser(setup.addTeam().id, { isStranger: true })]: "external",
      [setup.addUser(setup.addTeam().id)]: "external",
      [setup.addUser(team, { isAdmin: true })]: "admin",
      [setup.addUser(team, { isBot: true })]: "bot",
    };
    deaf();
    for (const id of Object.keys(expected)) people.invite(ada, channel, id);
    await ageEverything();
    await facts.load(place());
    for (const [personId, memberClass] of Object.entries(expected))
      expect(await facts.of({ ...place(), personId })).toMatchObject({ membership: "in", memberClass });
    const { readers, outsiders, openToMembers, complete } = await facts.audienceOf(place());
    expect([...outsiders].toSorted()).toEqual(
      Object.keys(expected)
        .filter((id) => expected[id] === "guest" || expected[id] === "external")
        .toSorted(),
    );
    expect(readers).toEqual(new Set([ada, ben, ...Object.keys(expected)]));
    expect({ openToMembers, complete }).toEqual({ openToMembers: false, complete: true });
  });

  it("say of a public channel that all members read it, and of a shared one that nobody knows who else does", async () => {
    const open = parley.slack.setup.addChannel(parley.space.team.id, { members: [ada, parley.space.bot.botUserId] }).id;
    parley.slack.people.postAs(ada, open, "good morning");
    channel = open;
    await until(async () => (await rosterAt()) !== null);
    expect(await facts.audienceOf(place())).toMatchObject({ openToMembers: true, complete: true });
    deaf();
    parley.slack.people.setShared(open, true, parley.slack.setup.addTeam().id);
    await ageEverything();
    expect(await facts.audienceOf(place())).toMatchObject({ openToMembers: true, complete: false });
    parley.slack.people.setShared(open, false, parley.space.team.id);
    parley.slack.people.makePrivate(ada, open);
    await ageEverything();
    expect(await facts.audienceOf(place())).toMatchObject({ openToMembers: false, complete: true });
  });
});

describe("a leave that no event tells of", () => {
  const watch = () =>
    createPresenceWatch({
      database,
      facts,
      logger: silent,
      platforms: ["slack"],
      onEndedAccess: () => undefined,
      everyMs: 1,
    });

  it("of the installation's own is treated as the event would be", async () => {
    const turn = await askForever(ada);
    const { membership_epoch: epoch } = await channelRow();
    deaf();
    parley.slack.people.kick(ada, channel, parley.space.bot.botUserId);
    await watch().run();
    expect(await channelRow()).toMatchObject({ self_member: false, membership_epoch: epoch + 1 });
    expect(await until(() => endOf(turn))).toBe("cancelled member_left");
  });

  it("of the installation's own that was a mistake is taken back", async () => {
    await askForever(ada);
    deaf();
    parley.slack.people.kick(ada, channel, parley.space.bot.botUserId);
    await watch().run();
    parley.slack.people.invite(ada, channel, parley.space.bot.botUserId);
    expect((await channelRow()).self_member).toBe(false);
    await until(async () => {
      await watch().run();
      return (await channelRow()).self_member;
    });
  });

  it("of whoever asked ends what they asked for, and nothing else", async () => {
    const bens = await askForever(ben);
    deaf();
    parley.slack.people.leave(ben, channel);
    await ageEverything();
    await watch().run();
    expect(await until(() => endOf(bens))).toBe("cancelled asker_left");
    expect((await channelRow()).self_member).not.toBe(false);
    agent.letGo();
  });

  it("of whoever asked is one rule, and marks the half answer that people saw, as one that an event tells of", async () => {
    for (const isTold of [true, false]) {
      const half = `Half of what ${isTold ? "an event ends" : "the watch ends"}`;
      const bens = await askForever(ben, `say ${half}\nwait`);
      await until(() => newestText(channel)?.includes(half));
      if (!isTold) deaf();
      parley.slack.people.leave(ben, channel);
      if (!isTold) {
        await ageEverything();
        await watch().run();
      }
      expect(await until(() => endOf(bens))).toBe("cancelled asker_left");
      await until(() => newestText(channel)?.match(`${half}[^]*_Stopped\\._`));
      agent.letGo();
      parley.slack.people.invite(ada, channel, ben);
    }
  });

  it("is noticed by a running Parley within a minute", { timeout: 90_000 }, async () => {
    const turn = await askForever(ada);
    deaf();
    parley.slack.people.kick(ada, channel, parley.space.bot.botUserId);
    const leftAtMs = performance.now();
    expect(await until(() => endOf(turn), 60_000)).toBe("cancelled member_left");
    expect(performance.now() - leftAtMs).toBeLessThan(60_000);
  });
});

describe("a leave of whoever asked", () => {
  it("calls off what waits to be sent for them", async () => {
    const { faults, people, requests } = parley.slack;
    const [one, other] = [people.postAs(ada, channel, "here?"), people.postAs(ada, channel, "or here?")];
    faults.add({ kind: "rate_limited", method: "chat.postMessage", channel, retryAfterSeconds: 5, times: 1 });
    const sent = requests.count("chat.postMessage");
    people.postAs(ada, channel, parley.ask("reader", "say well"), { threadTs: one.ts });
    await until(() => requests.count("chat.postMessage") > sent);
    people.postAs(ben, channel, parley.ask("reader", "say Too late."), { threadTs: other.ts });
    // Its write waits for the pause that the platform named.
    const bens = await until(async () => (await openTurns(ben, "delivering"))[0]);
    people.leave(ben, channel);
    expect(await until(() => endOf(bens))).toBe("cancelled asker_left");
  });
});
