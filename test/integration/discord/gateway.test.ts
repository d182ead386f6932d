import { describe, expect, it } from "vitest";
import { created, postsOf, stage, textOf, until, words } from "./stage.ts";

describe("the gateway session", () => {
  it("asks for the intents it needs, and for none that is privileged in the mode mentions", async () => {
    const { discord, server, start } = await stage();
    discord.setup.setPrivilegedIntents(server.app.applicationId, []);
    const adapter = await start(undefined, { messages: "mentions" });
    expect(adapter.health().every((row) => row.state === "connected")).toBe(true);
    const [identify] = discord.gateway.identifies();
    expect((identify?.intents ?? 0) & ((1 << 15) | (1 << 1) | (1 << 8))).toBe(0);
  });

  it("is resumed after a restart: nothing is identified, everything missed comes", async () => {
    const { discord, server, channel, user, sink, start, nextSink } = await stage();
    const first = await start();
    discord.people.postAs(user, channel, "before");
    await until(() => created(sink).length === 1);
    await first.stop();
    discord.people.postAs(user, channel, "between");
    const next = await nextSink();
    await start(next);
    await until(() => created(next).length === 1);
    expect(textOf(created(next)[0])).toBe("between");
    expect(discord.gateway.identifies(server.app.applicationId)).toHaveLength(1);
    expect(discord.gateway.resumes()).toHaveLength(1);
  });

  it("that is gone is made up for by the history of channels, threads and direct messages", async () => {
    const { discord, server, channel, user, sink, start, nextSink } = await stage();
    const first = await start();
    const root = discord.people.postAs(user, channel, "root");
    discord.people.threadAs(user, channel, "a thread", { messageId: root.message });
    const direct = discord.people.openDirect(user, server.app.botUserId);
    discord.people.postAs(user, direct, "hello");
    await until(() => created(sink).length === 2 && sink.taken.some((one) => one.kind === "thread_created"));
    await first.stop();
    discord.people.postAs(user, channel, "in the channel");
    discord.people.postAs(user, root.message, "in the thread");
    discord.people.postAs(user, direct, "in private");
    discord.gateway.forgetSessions(server.app.applicationId);
    const next = await nextSink();
    await start(next);
    const heard = () => new Map(created(next).map((one) => [textOf(one), one.conversation]));
    await until(() => ["in the channel", "in the thread", "in private"].every((text) => heard().has(text)));
    const said = heard();
    expect(said.get("in the channel")?.channel.id).toBe(channel);
    expect(said.get("in the thread")?.thread?.id).toBe(root.message);
    expect(said.get("in private")?.channel.kind).toBe("direct");
  });

  it("of a first run brings nothing of what was said before", async () => {
    const { discord, channel, user, sink, start } = await stage();
    discord.people.postAs(user, channel, "long before");
    await start();
    discord.people.postAs(user, channel, "now");
    await until(() => created(sink).length === 1);
    expect(textOf(created(sink)[0])).toBe("now");
  });

  it("that is refused for its token ends all attempts, with one line", async () => {
    const { discord, server, sink, start } = await stage();
    discord.conditions.resetToken(server.app.applicationId);
    const adapter = await start();
    expect(adapter.health()).toMatchObject([{ state: "failed", detail: expect.stringContaining("DISCORD_BOT_TOKEN") }]);
    expect(discord.gateway.identifies()).toHaveLength(0);
    expect(sink.logged.filter((line) => JSON.stringify(line).includes("refuses the bot token"))).toHaveLength(1);
  });

  it("that is closed with 4004 is not begun again", async () => {
    const { discord, server, start } = await stage();
    discord.gateway.refuseNext(4004, 5);
    const adapter = await start();
    await until(() => adapter.health().some((row) => row.state === "failed"));
    const before = discord.gateway.identifies(server.app.applicationId).length;
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(discord.gateway.identifies(server.app.applicationId)).toHaveLength(before);
    expect(before).toBeLessThanOrEqual(1);
    expect(adapter.health()[0]?.detail).toContain("4004");
  });

  it("is begun at most ten times in an hour of crashes", async () => {
    const { discord, server, start, nextSink } = await stage();
    for (let crash = 0; crash < 10; crash++) {
      discord.gateway.forgetSessions(server.app.applicationId);
      const adapter = await start(await nextSink());
      await adapter.stop();
    }
    discord.gateway.forgetSessions(server.app.applicationId);
    const sink = await nextSink();
    const starting = start(sink);
    await until(() => sink.logged.some((line) => JSON.stringify(line).includes("too many identifies")));
    expect(discord.gateway.identifies(server.app.applicationId)).toHaveLength(10);
    await (await starting).stop();
  }, 60_000);

  it("outlives frames that are none, events without a place and events that got lost", async () => {
    const { discord, server, channel, user, sink, start } = await stage();
    await start();
    const { applicationId } = server.app;
    for (const frame of [
      "{",
      "null",
      "[]",
      '"x"',
      "7",
      '{"op":99}',
      '{"op":10}',
      '{"op":0,"t":"READY","s":1,"d":null}',
    ])
      discord.gateway.sendText(applicationId, frame);
    discord.gateway.sendBytes(applicationId, Buffer.from("not zlib at all").toString("base64"));
    discord.frames.add({ kind: "malformed_json", event: "MESSAGE_CREATE", times: 1 });
    discord.people.postAs(user, channel, "cut on its way");
    discord.people.postAs(user, channel, "whole \ud800 half a sign");
    await until(() => created(sink).length === 2);
    expect(created(sink).map((one) => textOf(one).toWellFormed())).toEqual([
      "cut on its way",
      "whole \ufffd half a sign",
    ]);
    expect(sink.malformed.length).toBeGreaterThan(5);
  });

  it("is run by one process alone, and by the next once that one has ended", async () => {
    const { discord, server, start, nextSink } = await stage();
    const first = await start();
    const second = await start(await nextSink());
    expect(discord.gateway.connectionCount(server.app.applicationId)).toBe(1);
    await first.stop();
    await until(() => discord.gateway.connectionCount(server.app.applicationId) === 1);
    expect(second.health().length).toBeGreaterThan(0);
  });

  it("is spread over as many shards as are asked for", async () => {
    const { discord, server, channel, user, sink, start } = await stage();
    await start(undefined, { shardCount: 2 });
    expect(discord.gateway.identifies(server.app.applicationId).map((one) => one.shard)).toEqual(
      expect.arrayContaining([
        [0, 2],
        [1, 2],
      ]),
    );
    discord.people.postAs(user, channel, "for one of them");
    await until(() => created(sink).length === 1);
  });

  it("is given up when nothing comes any more, and resumed", async () => {
    const { discord, server, channel, user, sink, start } = await stage({ gateway: { heartbeatIntervalMs: 300 } });
    await start();
    discord.gateway.freeze(server.app.applicationId);
    discord.people.postAs(user, channel, "into the void");
    await until(() => created(sink).length === 1, 15_000);
    expect(discord.gateway.resumes().length).toBeGreaterThan(0);
  }, 20_000);
});

describe("a guild", () => {
  it("out of reach is no guild that was left", async () => {
    const { discord, server, sink, start, target } = await stage();
    const adapter = await start();
    discord.people.setGuildAvailable(server.guild, false);
    await until(() => adapter.health().some((row) => row.state === "connecting"));
    expect(sink.taken.some((one) => one.kind === "member_left")).toBe(false);
    const calls = discord.requests.count();
    const [post] = postsOf(adapter, target(), words("held"));
    if (post === undefined) throw new Error("nothing was rendered");
    await expect(adapter.send(post)).rejects.toMatchObject({ code: "PLATFORM_UNAVAILABLE", delivery: "not_sent" });
    expect(discord.requests.count()).toBe(calls);
    discord.people.setGuildAvailable(server.guild, true);
    await until(() => adapter.health().every((row) => row.state === "connected"));
    const rows = await sink.installations.list("discord");
    expect(rows.every((row) => row.status === "active")).toBe(true);
  });

  it("that the bot leaves ends with every channel left", async () => {
    const { discord, server, sink, start } = await stage();
    await start();
    discord.people.leave(server.app.botUserId, server.guild);
    const left = () => sink.taken.filter((one) => one.kind === "member_left");
    await until(() => left().length >= 2);
    expect(new Set(left().map((one) => one.conversation.channel.id))).toEqual(new Set(server.channels));
    await until(async () =>
      (await sink.installations.list("discord")).some(
        (row) => row.externalId === server.guild && row.status === "removed",
      ),
    );
    // Back again it sees every channel anew.
    discord.setup.install(server.app.applicationId, server.guild);
    const joined = () => sink.taken.filter((one) => one.kind === "member_joined" && one.body.self);
    await until(() => new Set(joined().map((one) => one.conversation.channel.id)).size === server.channels.length);
  });

  it("that the bot is removed from while nobody listens ends with the next session; one in an outage does not", async () => {
    const { discord, server, sink, start, nextSink } = await stage();
    const other = discord.setup.addGuild({ name: "Other" });
    discord.setup.install(server.app.applicationId, other);
    const first = await start();
    const statuses = async (of: typeof sink) =>
      new Map((await of.installations.list("discord")).map((row) => [row.externalId, row.status]));
    await until(async () => (await statuses(sink)).size === 3);
    await first.stop();
    discord.people.leave(server.app.botUserId, server.guild);
    discord.people.setGuildAvailable(other, false);
    discord.gateway.forgetSessions(server.app.applicationId);
    const next = await nextSink();
    await start(next);
    await until(async () => (await statuses(next)).get(server.guild) === "removed");
    expect((await statuses(next)).get(other)).toBe("active");
    const left = next.taken.filter((one) => one.kind === "member_left");
    expect(new Set(left.map((one) => one.conversation.channel.id))).toEqual(new Set(server.channels));
  });

  it("shows the bot out of a channel by an overwrite", async () => {
    const { discord, server, channel, sink, start } = await stage();
    await start();
    discord.people.setOverwrite(channel, { id: server.app.botUserId, type: "member", deny: ["VIEW_CHANNEL"] });
    const left = () => sink.taken.find((one) => one.kind === "member_left");
    await until(() => left() !== undefined);
    expect(left()).toMatchObject({ conversation: { channel: { id: channel } }, body: { self: true } });
  });
});
