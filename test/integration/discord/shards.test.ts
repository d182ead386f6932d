import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createDiscordStandIn, type DiscordStandIn, type SmallServer } from "../../support/discord/index.ts";
import { createRunFolder, type ParleyProcess, type RunFolder, startParley } from "../../support/parley/index.ts";
import { created, type Stage, stage, textOf, until } from "./stage.ts";

/** Discord's own least time between two identifies. */
const SPACING_MS = 5_000;

interface Place {
  readonly guild: string;
  readonly channel: string;
  readonly user: string;
}

/** A guild with the bot in it that this shard of so many hears of. */
function placeOn(discord: DiscordStandIn, applicationId: string, shardId: number, shardCount: number): Place {
  const { setup } = discord;
  for (;;) {
    // The shard follows from the millisecond at which a guild was made.
    const guild = setup.addGuild();
    if (Number((BigInt(guild) >> 22n) % BigInt(shardCount)) !== shardId) continue;
    setup.install(applicationId, guild);
    return { guild, channel: setup.addChannel(guild), user: setup.addUser(guild) };
  }
}

describe("a whole Parley with two shards, as the configuration says", () => {
  let discord: DiscordStandIn;
  let server: SmallServer;
  let folder: RunFolder;
  let parley: ParleyProcess;
  let places: readonly (readonly [Place, Place])[] = [];
  let direct = "";

  const start = (): Promise<ParleyProcess> =>
    startParley({
      folder,
      env: {
        DISCORD_BOT_TOKEN: server.app.botToken,
        DISCORD_API_URL: `${discord.apiUrl}/v10`,
        DISCORD_CDN_HOSTS: new URL(discord.cdnUrl).host,
        DISCORD_SHARDS: "2",
      },
    });
  const [of, id] = [() => places[0] ?? [], () => server.app.applicationId];
  const identifies = () => discord.gateway.identifies(id());
  const resumes = () => discord.gateway.resumes().filter(({ outcome }) => outcome === "resumed");

  beforeAll(async () => {
    discord = await createDiscordStandIn({ gateway: { identifyWindowMs: SPACING_MS } });
    server = discord.setup.smallServer({ name: "Parley" });
    places = [[placeOn(discord, id(), 0, 2), placeOn(discord, id(), 1, 2)]];
    direct = discord.people.openDirect(server.users[0] ?? "", server.app.botUserId);
    folder = await createRunFolder();
    parley = await start();
  }, 120_000);

  afterAll(async () => {
    await parley.stop();
    await discord.close();
    await folder.remove();
  });

  /** Asks in the guilds of these shards, and in private with shard 0; gives where the answers come. */
  function ask(token: string, shardIds: readonly number[]): readonly (readonly [string, string])[] {
    return shardIds.flatMap((shardId) => {
      const place = of()[shardId];
      if (place === undefined) throw new Error(`there is no place on shard ${shardId}`);
      const words = `<@${server.app.botUserId}> echo [#${token}-${shardId}]`;
      const { message } = discord.people.postAs(place.user, place.channel, words);
      const asked = [[message, `Answer to [#${token}-${shardId}].`] as const];
      if (shardId !== 0) return asked;
      discord.people.postAs(server.users[0] ?? "", direct, `[#${token}-direct]`);
      return [...asked, [direct, `**Echo**\nAnswer to [#${token}-direct].`] as const];
    });
  }

  const answers = (channel: string, text: string): number =>
    discord.log.posts({ channel }).filter((post) => post.text === text).length;

  async function answeredOnce(asked: readonly (readonly [string, string])[]): Promise<void> {
    for (const [channel, text] of asked) await until(() => answers(channel, text) > 0, 40_000);
    for (const [channel, text] of asked) expect(answers(channel, text)).toBe(1);
  }

  it("begins them one after the other, and answers in the guilds of both, and in private", async () => {
    await until(() => identifies().length === 2, 20_000);
    expect(identifies().map(({ shard, outcome }) => [shard, outcome])).toEqual(
      expect.arrayContaining([
        [[0, 2], "ready"],
        [[1, 2], "ready"],
      ]),
    );
    const [first, second] = identifies();
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(SPACING_MS);
    await answeredOnce(ask("both", [0, 1]));
  }, 90_000);

  it("takes up each shard's own session after a restart, and answers what both missed", async () => {
    const before = discord.gateway.sequences(id());
    await parley.stop();
    const asked = ask("meanwhile", [0, 1]);
    parley = await start();
    await answeredOnce(asked);
    expect(identifies()).toHaveLength(2);
    for (const { sessionId, shard } of before)
      expect(resumes().filter((one) => one.sessionId === sessionId)).toMatchObject([{ shard }]);
    expect(before).toHaveLength(2);
  }, 90_000);

  it("goes on with one shard while the other is away, and then answers what that one missed", async () => {
    discord.gateway.setShardAway(id(), 1, true);
    await until(() => discord.gateway.connectionCount(id()) === 1);
    const late = ask("away", [1]);
    await answeredOnce(ask("here", [0]));
    expect(late.map(([channel, text]) => answers(channel, text))).toEqual([0]);
    discord.gateway.setShardAway(id(), 1, false);
    await answeredOnce(late);
    expect(identifies()).toHaveLength(2);
  }, 120_000);

  it("begins anew with the one shard whose session is gone, and takes up the other's", async () => {
    await parley.kill9();
    const asked = ask("gone", [0, 1]);
    discord.gateway.forgetSessions(id(), 1);
    const before = resumes().length;
    parley = await start();
    await answeredOnce(asked);
    expect(identifies().map(({ shard }) => shard[0])).toEqual([expect.any(Number), expect.any(Number), 1]);
    expect(
      resumes()
        .slice(before)
        .map(({ shard }) => shard),
    ).toEqual([[0, 2]]);
  }, 90_000);
});

describe("shards", () => {
  async function sharded(shardCount: number): Promise<Stage & { readonly places: readonly Place[] }> {
    const on = await stage({ gateway: { shards: shardCount } });
    const { applicationId } = on.server.app;
    const ids = Array.from({ length: shardCount }, (_, shardId) => shardId);
    return { ...on, places: ids.map((shardId) => placeOn(on.discord, applicationId, shardId, shardCount)) };
  }

  const texts = (sink: Stage["sink"]): readonly string[] => created(sink).map(textOf).toSorted();

  it("are as many as Discord advises, and each hears of its own guilds once", async () => {
    const { discord, server, sink, start, places } = await sharded(3);
    await start();
    expect(
      discord.gateway
        .identifies(server.app.applicationId)
        .map(({ shard }) => shard)
        .toSorted(([one], [other]) => one - other),
    ).toEqual([
      [0, 3],
      [1, 3],
      [2, 3],
    ]);
    for (const [shardId, place] of places.entries())
      discord.people.postAs(place.user, place.channel, `on shard ${shardId}`);
    await until(() => created(sink).length === 3);
    expect(texts(sink)).toEqual(["on shard 0", "on shard 1", "on shard 2"]);
    expect(sink.taken.filter((one) => one.kind === "message_created")).toHaveLength(3);
  });

  it("say of each guild whether its own shard is connected", async () => {
    const { discord, server, start, places } = await sharded(2);
    const adapter = await start();
    const stateOf = (guild: string | undefined) =>
      adapter.health().find((row) => row.installationId.endsWith(`:${guild}`))?.state;
    discord.gateway.setShardAway(server.app.applicationId, 1, true);
    await until(() => stateOf(places[1]?.guild) === "connecting");
    expect(stateOf(places[0]?.guild)).toBe("connected");
    expect(stateOf(server.app.applicationId)).toBe("connected");
    discord.gateway.setShardAway(server.app.applicationId, 1, false);
    await until(() => stateOf(places[1]?.guild) === "connected", 20_000);
  }, 40_000);

  it("may be run by different processes: each reads its own gaps, that of private talk the first alone", async () => {
    const { discord, server, user, sink, start, nextSink, places } = await sharded(2);
    const { applicationId } = server.app;
    const direct = discord.people.openDirect(user, server.app.botUserId);
    const first = await start();
    discord.people.postAs(user, direct, "hello");
    await until(() => texts(sink).includes("hello"));
    await first.stop();
    for (const [shardId, place] of places.entries())
      discord.people.postAs(place.user, place.channel, `missed on ${shardId}`);
    discord.people.postAs(user, direct, "missed in private");
    discord.gateway.forgetSessions(applicationId);

    const [one, other] = [await nextSink(), await nextSink()];
    const readsOfDirect = () =>
      discord.requests.of("GET /channels/:channel/messages").filter(({ channel }) => channel === direct).length;
    const before = readsOfDirect();
    await start(other, { shardCount: 2, shardIds: [1] });
    await until(() => texts(other).includes("missed on 1"));
    expect(readsOfDirect()).toBe(before);
    await start(one, { shardCount: 2, shardIds: [0] });
    await until(() => texts(one).length === 2);
    expect(texts(one)).toEqual(["missed in private", "missed on 0"]);
    expect(texts(other)).toEqual(["missed on 1"]);
    expect(discord.gateway.connectionCount(applicationId)).toBe(2);
  }, 30_000);

  it("together begin at most ten sessions in an hour of crashes", async () => {
    const { discord, server, start, nextSink } = await sharded(2);
    const { applicationId } = server.app;
    for (let crash = 0; crash < 5; crash++) {
      discord.gateway.forgetSessions(applicationId);
      const adapter = await start(await nextSink());
      await adapter.stop();
    }
    discord.gateway.forgetSessions(applicationId);
    const sink = await nextSink();
    const starting = start(sink);
    const keptBack = () => sink.logged.filter((line) => JSON.stringify(line).includes("too many identifies"));
    await until(() => keptBack().length === 2, 20_000);
    expect(discord.gateway.identifies(applicationId)).toHaveLength(10);
    await (await starting).stop();
  }, 60_000);

  it("that are too few for the guilds are a fault that says so", async () => {
    const { discord, start } = await stage({ gateway: { maxGuildsPerShard: 1 } }).then((on) => {
      placeOn(on.discord, on.server.app.applicationId, 0, 1);
      return on;
    });
    const adapter = await start(undefined, { shardCount: 1 });
    await until(() => adapter.health().some((row) => row.state === "failed"));
    expect(adapter.health()[0]?.detail).toContain("more shards are needed");
    expect(discord.gateway.identifies()).toHaveLength(1);
  });
});
