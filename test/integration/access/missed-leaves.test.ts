import { afterEach, describe, expect, it } from "vitest";
import { createMemberFacts, type FactPlace, type MemberFacts } from "../../../src/access/member-facts.ts";
import type { ChatAdapter } from "../../../src/contracts/adapter.ts";
import type { Logger } from "../../../src/contracts/logger.ts";
import type { Database } from "../../../src/ledger/connection/database.ts";
import { createPresenceWatch } from "../../../src/pipeline/upkeep/presence-watch.ts";
import { startDiscordApp } from "../../support/app/discord-app.ts";
import { startMatrixApp } from "../../support/app/matrix-app.ts";
import { until } from "../../support/app/slack-app.ts";
import { createReadingAgent } from "./reading-agent.ts";

const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silent,
};
const agent = createReadingAgent();
const READER = {
  handle: "reader",
  name: "Reader",
  connector: { kind: "function", run: agent.run },
  replyInThread: false,
} as const;
let closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  agent.letGo();
  for (const close of closers.toReversed()) await close();
  closers = [];
});

/** Facts and a watch of their own on the adapter and the ledger of a running Parley, without the waits of the one it has. */
function watchOver(database: Database, adapter: () => ChatAdapter | undefined, platform: string) {
  const onEndedAccess = (): void => undefined;
  const facts = createMemberFacts({ database, adapter, logger: silent, onEndedAccess });
  closers.push(() => facts.close());
  return {
    facts,
    watch: createPresenceWatch({ database, facts, logger: silent, platforms: [platform], onEndedAccess, everyMs: 1 }),
  };
}

async function runningTurn(database: Database, channel: string): Promise<string> {
  return await until(async () => {
    const rows = await database.query<{ id: string }>(
      {
        text: `select t.id from turns t join conversations c on c.id = t.reply_conversation_id
          where c.channel_id = $1 and t.state = 'running' and t.finished_at is null`,
      },
      [channel],
    );
    return rows[0]?.id;
  });
}

async function endOf(database: Database, turn: string): Promise<string> {
  return await until(async () => {
    const rows = await database.query<{ told: string }>(
      { text: "select state || ' ' || state_reason as told from turns where id = $1 and finished_at is not null" },
      [turn],
    );
    return rows[0]?.told;
  });
}

async function channelRow(database: Database, channel: string) {
  const [row] = await database.query<{
    installation_id: string;
    self_member: boolean | null;
    membership_epoch: number;
    kind: "public" | "private";
    space_id: string;
  }>({ text: "select * from channels where channel_id = $1" }, [channel]);
  if (row === undefined) throw new Error("the channel is not mirrored");
  return row;
}

describe("on Discord", () => {
  it("a channel that was closed to the bot, and nobody told, ends the work there", async () => {
    let adapter: ChatAdapter | undefined;
    const parley = await startDiscordApp([READER], {
      ports: { adapter: (one) => (one.platform === "discord" ? (adapter = one) : one) },
    });
    closers.push(() => parley.close());
    const { discord, channel, user, ledger, server } = parley;
    const { watch } = watchOver(ledger, () => adapter, "discord");
    discord.people.postAs(user, channel, parley.ask("reader", "wait"));
    const turn = await runningTurn(ledger, channel);
    const { membership_epoch: epoch } = await channelRow(ledger, channel);
    discord.frames.add({ kind: "drop", event: ["CHANNEL_UPDATE"] });
    const shutOut = { id: server.app.botUserId, type: "member", deny: ["VIEW_CHANNEL"] } as const;
    discord.people.setOverwrite(channel, shutOut);
    await watch.run();
    expect(await channelRow(ledger, channel)).toMatchObject({ self_member: false, membership_epoch: epoch + 1 });
    expect(await endOf(ledger, turn)).toBe("cancelled member_left");
  });

  it("a private thread has readers of its own, who are asked about when what is known is old", async () => {
    let adapter: ChatAdapter | undefined;
    const parley = await startDiscordApp([READER], {
      env: { DISCORD_MEMBER_EVENTS: "on" },
      ports: { adapter: (one) => (one.platform === "discord" ? (adapter = one) : one) },
    });
    closers.push(() => parley.close());
    const { discord, channel, user, ledger, server } = parley;
    const { facts } = watchOver(ledger, () => adapter, "discord");
    const [, other = ""] = server.users;
    const thread = discord.people.threadAs(user, channel, "between us", { private: true });
    discord.people.addToThread(thread, server.app.botUserId);
    discord.people.addToThread(thread, user);
    discord.people.postAs(user, thread, "quietly");
    const { installation_id: installationId, space_id: space } = await until(() =>
      channelRow(ledger, channel).catch(() => undefined),
    );
    const path = { space: { id: space }, channel: { id: channel, kind: "public" as const, external: false } };
    const inChannel: FactPlace = { organizationId: "main", installationId, path };
    const inThread: FactPlace = { ...inChannel, path: { ...path, thread: { id: thread } } };
    const [around, within] = [await facts.audienceOf(inChannel), await facts.audienceOf(inThread)];
    expect([around.openToMembers, around.readers?.has(other)]).toEqual([true, true]);
    expect([within.openToMembers, within.readers?.has(other), within.readers?.has(user)]).toEqual([false, false, true]);
    expect(await memberships(facts, inChannel, inThread, other)).toEqual(["in", "out"]);
    discord.people.addToThread(thread, other);
    await ledger.query({ text: "update places set roster_at = roster_at - interval '2 minutes'" });
    await ledger.query({ text: "update memberships set updated_at = updated_at - interval '2 minutes'" });
    expect((await facts.audienceOf(inThread)).readers?.has(other)).toBe(true);
    expect(await memberships(facts, inChannel, inThread, other)).toEqual(["in", "in"]);
  });
});

async function memberships(facts: MemberFacts, one: FactPlace, other: FactPlace, personId: string) {
  const answers = await Promise.all([one, other].map((place) => facts.of({ ...place, personId })));
  return answers.map(({ membership }) => membership);
}

describe("on Matrix", { timeout: 90_000 }, () => {
  it("a kick that the sync does not bring ends the work in the room", async () => {
    let adapter: ChatAdapter | undefined;
    const parley = await startMatrixApp([READER], {
      mode: "bot",
      ports: { adapter: (one) => (one.platform === "matrix" ? (adapter = one) : one) },
    });
    closers.push(() => parley.close());
    const { ledger } = parley;
    const { watch, facts } = watchOver(ledger, () => adapter, "matrix");
    const mara = await parley.person("Mara");
    const ben = await parley.person("Ben");
    const room = await parley.room(mara, ["reader"]);
    const before = await mara.say(room, "before anybody else came");
    await mara.invite(room, ben.userId);
    await ben.join(room);
    await mara.say(room, "reader wait", { mentions: [parley.accountOf("reader")] });
    const turn = await runningTurn(ledger, room);
    const {
      installation_id: installationId,
      membership_epoch: epoch,
      space_id: space,
    } = await channelRow(ledger, room);
    const path = { space: { id: space }, channel: { id: room, kind: "private" as const, external: false } };
    const place: FactPlace = { organizationId: "main", installationId, path };
    const readable = async (personId: string) =>
      (await facts.couldRead({ ...place, personId, messageIds: [before] })).readable.has(before);
    expect([await readable(ben.userId), await readable("@nobody:elsewhere.example")]).toEqual([true, false]);
    parley.proxy.strike({ kind: "status", status: 503, when: "before", match: { path: /\/sync$/u }, times: 1_000 });
    await mara.kick(room, parley.accountOf("reader"));
    await watch.run();
    expect(await channelRow(ledger, room)).toMatchObject({ self_member: false, membership_epoch: epoch + 1 });
    expect(await endOf(ledger, turn)).toBe("cancelled member_left");
  });
});
