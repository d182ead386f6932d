import assert from "node:assert/strict";
import { describe, expect, it } from "vitest";
import { createDiscordAdapter } from "../../../adapters/discord/index.ts";
import { ReplyPart, type ReplyPartInput } from "../../../src/envelope/reply.ts";
import { failureOf } from "../../contract/adapter-suite/probe.ts";
import { GUIDE, postsOf, stage, until, words } from "./stage.ts";

const { signal } = new AbortController();

describe("an agent's message", () => {
  it("goes through one webhook per channel, which outlives the process and is made again when it is removed", async () => {
    const { discord, server, channel, start, nextSink, target } = await stage();
    const first = await start();
    const send = async (adapter: Awaited<ReturnType<typeof start>>, text: string) => {
      const [post] = postsOf(adapter, target(), words(text), text);
      return adapter.send(post ?? assert.fail());
    };
    await Promise.all([send(first, "one"), send(first, "two")]);
    await first.stop();
    const second = await start(await nextSink());
    await send(second, "three");
    expect(discord.log.ofKind("webhook_create")).toHaveLength(1);
    for (const webhook of discord.core.world.webhooks.values()) discord.core.world.webhooks.delete(webhook.id);
    await send(second, "four");
    expect(discord.log.ofKind("webhook_create")).toHaveLength(2);
    const posts = discord.log.posts({ channel, by: "webhook" });
    expect(new Set(posts.map((post) => post.text))).toEqual(new Set(["one", "two", "three", "four"]));
    expect(new Set(posts.map((post) => post.name))).toEqual(new Set(["Guide"]));
    expect(server.app.applicationId).toBe(posts[0]?.applicationId);
  });

  it("is said by the bot, with the agent's name, where webhooks may not be made; the same key is posted once", async () => {
    const { discord, server, channel, start, target } = await stage();
    discord.people.setOverwrite(channel, { id: server.app.botUserId, type: "member", deny: ["MANAGE_WEBHOOKS"] });
    const adapter = await start();
    const [post] = postsOf(adapter, target(), words("by the bot"));
    assert(post !== undefined);
    const first = await adapter.send(post);
    const again = await adapter.send(post);
    expect(again.messageId).toBe(first.messageId);
    expect(discord.log.posts({ channel })).toMatchObject([{ by: "app", text: "**Guide**\nby the bot" }]);
  });

  it("opens the thread that it answers in, and goes into the channel where there can be none", async () => {
    const { discord, server, channel, user, start, target } = await stage();
    const [, second = ""] = server.channels;
    discord.people.setOverwrite(second, { id: server.app.botUserId, type: "member", deny: ["CREATE_PUBLIC_THREADS"] });
    const adapter = await start();
    const question = discord.people.postAs(user, channel, "What is the time in Lisbon?").message;
    await until(() => discord.core.channel(channel).byId.has(question));
    const [post] = postsOf(adapter, target(channel, question), words("Late."));
    await adapter.send(post ?? assert.fail());
    expect(discord.log.posts({ channel: question, by: "webhook" })).toMatchObject([{ text: "Late." }]);
    const other = discord.people.postAs(user, second, "And here?").message;
    const [plain] = postsOf(adapter, target(second, other), words("Here too."));
    await adapter.send(plain ?? assert.fail());
    expect(discord.log.posts({ channel: second, by: "webhook" })).toMatchObject([{ text: "Here too." }]);
  });

  it("is shown to one person alone in their direct messages, once, and to nobody in the channel", async () => {
    const { discord, server, channel, user, start, target } = await stage();
    const adapter = await start();
    const parts = words("for your eyes only").map((part) => ReplyPart.parse(part));
    const reply = { target: target(), personId: user, identity: GUIDE, parts, idempotencyKey: "private", signal };
    await adapter.features.privately?.show(reply);
    await adapter.features.privately?.show(reply);
    const direct = discord.core.directChannel(server.app.botUserId, user).id;
    expect(discord.log.posts({ channel: direct })).toMatchObject([
      { text: expect.stringContaining("for your eyes only") },
    ]);
    expect(discord.log.posts({ channel })).toEqual([]);
    const nobody = adapter.features.privately?.show({ ...reply, personId: "1", idempotencyKey: "other" });
    await expect(nobody).rejects.toMatchObject({ delivery: "not_sent" });
  });

  it("is found again after its answer was lost, by its mark alone", async () => {
    const { discord, channel, start, nextSink, target } = await stage();
    const adapter = await start();
    discord.faults.add({ kind: "lost_response", route: "POST /webhooks/:webhook/:token", times: 1 });
    const attemptedSince = new Date().toISOString();
    const [post] = postsOf(adapter, target(), words("was I heard?"), "lost");
    assert(post !== undefined);
    const error = await failureOf(adapter.send(post));
    expect(error.delivery).toBe("unknown");
    await adapter.stop();
    const next = await start(await nextSink());
    await next.send(postsOf(next, target(), words("another"), "other")[0] ?? assert.fail());
    const query = { target: target(), attemptedSince, identity: GUIDE, preview: false, knownMessageIds: [], signal };
    const [message] = discord.log.posts({ channel });
    expect(await next.reconcile({ ...query, idempotencyKey: "lost-0" })).toMatchObject({
      found: { messageId: message?.message },
    });
    // A reading serves whoever asks within half a second; absence is believed of a later one.
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(await next.reconcile({ ...query, idempotencyKey: "never-0" })).toEqual({ absent: true });
  });

  it("waits while the installations are being read at the start", async () => {
    const { discord, server, start, nextSink, target } = await stage();
    await (await start()).stop();
    const next = await nextSink();
    const list: typeof next.installations.list = async (platform) => {
      await new Promise((resolve) => setTimeout(resolve, 300));
      return next.installations.list(platform);
    };
    const adapter = createDiscordAdapter({
      organizationId: "acme",
      botToken: server.app.botToken,
      apiUrl: `${discord.apiUrl}/v10`,
    });
    const starting = adapter.start({ ...next, installations: { ...next.installations, list } }, signal);
    const [post] = postsOf(adapter, target(), words("early"));
    assert(post !== undefined);
    expect(await adapter.send(post)).toMatchObject({ messageId: expect.any(String) });
    await starting;
    await adapter.stop();
  });

  it("is looked for together with all others of its channel", async () => {
    const { discord, start, target } = await stage();
    const adapter = await start();
    const attemptedSince = new Date().toISOString();
    const written: (string | undefined)[] = [];
    for (let index = 0; index < 10; index += 1) {
      const [post] = postsOf(adapter, target(), words(`answer ${index}`), `many-${index}`);
      assert(post !== undefined);
      written.push((await adapter.send(post)).messageId);
    }
    const route = "GET /channels/:channel/messages";
    const before = discord.requests.count(route);
    const query = { target: target(), attemptedSince, identity: GUIDE, preview: false, knownMessageIds: [], signal };
    const outcomes = await Promise.all(
      written.map((_, index) => adapter.reconcile({ ...query, idempotencyKey: `many-${index}-0` })),
    );
    expect(outcomes.map((one) => ("found" in one ? one.found.messageId : undefined))).toEqual(written);
    expect(discord.requests.count(route) - before).toBe(1);
  });

  it("keeps its form over edits: what became components stays so, and nobody is notified by either", async () => {
    const { discord, server, channel, user, start, target } = await stage();
    const direct = discord.people.openDirect(user, server.app.botUserId);
    const adapter = await start();
    const inPrivate = {
      ...target(direct),
      installationId: `installation:acme:${server.app.applicationId}`,
      conversation: {
        ...target(direct).conversation,
        channel: { id: direct, kind: "direct" as const, external: false },
      },
    };
    const [plain] = postsOf(adapter, inPrivate, words("plain"));
    assert(plain !== undefined);
    const { messageId } = await adapter.send(plain);
    const question: ReplyPartInput = {
      type: "approval_request",
      approvalId: "a",
      prompt: "May I?",
      options: [{ id: "y", label: "Yes" }],
    };
    const edit = { messageId, preview: false };
    for (const parts of [words("plain again"), [question], words(`back to words @everyone <@${user}>`)]) {
      const [post] = postsOf(adapter, inPrivate, parts);
      await adapter.send({ ...(post ?? assert.fail()), edit });
    }
    const updates = discord.log.ofKind("update", { channel: direct });
    expect(updates.map((entry) => entry.text?.includes("May I?"))).toEqual([false, true, false]);
    for (const entry of updates) expect(entry.notified ?? []).toEqual([]);
    expect(channel).not.toBe(direct);
  });
});

describe("a form", () => {
  it("is opened by its button, in any process, and comes back with its fields", async () => {
    const { discord, channel, user, sink, start, nextSink, target } = await stage();
    const first = await start();
    const [post] = postsOf(first, target(), [
      {
        type: "input_request",
        inputId: "deploy-17",
        prompt: "Where to?",
        fields: [
          { id: "place", label: "Place", kind: "text", required: true },
          {
            id: "how",
            label: "How",
            kind: "choice",
            options: [
              { id: "fast", label: "Fast" },
              { id: "slow", label: "Slow" },
            ],
          },
        ],
      },
    ]);
    const { messageId } = await first.send(post ?? assert.fail());
    await first.stop();
    const next = await nextSink();
    await start(next);
    const pressed = await discord.gestures.press(user, { channel, message: messageId }, "Answer");
    expect(pressed.acknowledged).toBe(true);
    const submitted = await discord.gestures.submitModal(pressed.interactionId, {
      "field:place": "Porto",
      "field:how": "slow",
    });
    expect(submitted.acknowledged).toBe(true);
    const action = [...sink.taken, ...next.taken].find((one) => one.kind === "action_submitted");
    expect(action?.body).toMatchObject({ actionId: "deploy-17", messageId, fields: { place: "Porto", how: "slow" } });
  });
});

describe("what a member may do", () => {
  it("is judged as Discord judges: members, timeouts, hidden channels, private threads", async () => {
    const { discord, server, channel, user, start, target } = await stage();
    const [, other = ""] = server.users;
    const adapter = await start();
    const check = (memberId: string, at = target()) => adapter.features.access?.check({ target: at, memberId, signal });
    expect(await check(user)).toMatchObject({ read: true, post: true, rule: "member" });
    expect(await check(server.owner)).toMatchObject({ read: true, post: true, moderate: true, rule: "owner" });
    expect(await check(discord.setup.addUser())).toMatchObject({ read: false, rule: "not_member" });
    const thread = discord.people.threadAs(user, channel, "secret", { private: true });
    // The bot is told of private threads that it was added to, and can ask about no others.
    discord.people.addToThread(thread, server.app.botUserId);
    const within = target(channel, thread);
    expect(await check(user, within)).toMatchObject({ read: true });
    expect(await check(other, within)).toMatchObject({ read: false, rule: "not_in_thread" });
    const [, second = ""] = server.channels;
    discord.people.setOverwrite(second, { id: other, type: "member", deny: ["VIEW_CHANNEL"] });
    await until(async () => (await check(other, target(second)))?.read === false);
    expect(await check(other, target(second))).toMatchObject({ post: false, rule: "not_visible" });
    expect(
      await adapter.features.access?.check({
        target: { ...target(), installationId: "nobody's" },
        memberId: user,
        signal,
      }),
    ).toMatchObject({
      read: false,
      rule: "unknown",
    });
  });

  it("ends with a timeout, but for reading", async () => {
    const { discord, server, user, start, target } = await stage();
    const adapter = await start(undefined, { memberEvents: true });
    discord.people.timeout(server.guild, user, 60_000);
    const check = () => adapter.features.access?.check({ target: target(), memberId: user, signal });
    await until(async () => (await check())?.rule === "timeout");
    expect(await check()).toMatchObject({ read: true, post: false, rule: "timeout" });
  });
});

describe("a post of a forum", () => {
  it("is a thread that is heard with its first words, answered in it, and answered still when it was closed", async () => {
    const { discord, server, user, start, sink, target } = await stage();
    const forum = discord.setup.addChannel(server.guild, { kind: "forum", name: "help" });
    const adapter = await start();
    const post = discord.people.forumPostAs(user, forum, "It does not start", `<@${server.app.botUserId}> guide help`);
    const heard = () => sink.taken.find((one) => one.kind === "message_created");
    await until(() => heard() !== undefined);
    expect(heard()?.conversation).toMatchObject({ channel: { id: forum, name: "help" }, thread: { id: post.channel } });
    const { channel } = target().conversation;
    const there = {
      ...target(),
      conversation: { ...target().conversation, channel: { ...channel, id: forum }, thread: { id: post.channel } },
    };
    const answer = async (text: string, key: string): Promise<void> => {
      for (const one of postsOf(adapter, there, words(text), key)) await adapter.send(one);
    };
    await answer("Have you tried it again?", "f1");
    discord.people.changeThreadAs(user, post.channel, { archived: true });
    await answer("And again?", "f2");
    const said = discord.log.posts({ by: "webhook" }).map(({ channel: place, text }) => [place, text]);
    expect(said).toEqual([
      [post.channel, "Have you tried it again?"],
      [post.channel, "And again?"],
    ]);
  });
});

describe("what an agent is doing", () => {
  it("is seen as writing in the place where it works", async () => {
    const { discord, channel, start, target } = await stage();
    const adapter = await start();
    await adapter.features.status?.show(target(), GUIDE, "at work");
    const places = () => discord.log.entries.flatMap((entry) => (entry.kind === "typing" ? [entry.channel] : []));
    await until(() => places().length > 0);
    expect(new Set(places())).toEqual(new Set([channel]));
    await adapter.features.status?.show(target(), GUIDE, "");
  });
});

describe("the answer to a command", () => {
  it("goes on in further messages for the asker alone where it is long, with every word of it", async () => {
    const { discord, channel, user, start, sink, target } = await stage();
    const adapter = await start();
    await until(() => [...discord.core.world.applications.values()].some(({ commands }) => commands.size > 0));
    const { acknowledged } = await discord.gestures.slash(user, channel, "parley help");
    expect(acknowledged).toBe(true);
    const asked = () => sink.taken.find((one) => one.kind === "command_invoked");
    await until(() => asked() !== undefined);
    const command = asked();
    assert(command?.kind === "command_invoked" && command.body.responseToken !== undefined);
    const lines = Array.from({ length: 60 }, (_, index) => `- line ${index} ${"x".repeat(60)}`);
    await adapter.features.respond?.respond(target(), command.body.responseToken, lines.join("\n"), signal);
    const said = discord.log.entries.filter(({ kind, text }) => kind.startsWith("ephemeral") && text?.includes("line"));
    expect(said.map(({ kind }) => kind)).toEqual(["ephemeral_update", "ephemeral", "ephemeral"]);
    for (const { text = "" } of said) expect(text.length).toBeLessThanOrEqual(2_000);
    expect(said.flatMap(({ text = "" }) => text.split("\n"))).toEqual(lines);
    await adapter.features.respond?.respond(target(), command.body.responseToken, "word ".repeat(10_000), signal);
    expect(discord.log.entries.at(-1)?.text).toMatch(/there is more than fits here\)$/u);
  });

  it("comes in the asker's direct messages once its token has ended", async () => {
    const { discord, channel, user, start, sink, target } = await stage({ interactionTokenMs: 0 });
    const adapter = await start();
    await until(() => [...discord.core.world.applications.values()].some(({ commands }) => commands.size > 0));
    await discord.gestures.slash(user, channel, "parley help");
    await until(() => sink.taken.some((one) => one.kind === "command_invoked"));
    const command = sink.taken.find((one) => one.kind === "command_invoked");
    assert(command?.kind === "command_invoked" && command.body.responseToken !== undefined);
    const asked = { ...target(), askerId: user };
    await adapter.features.respond?.respond(asked, command.body.responseToken, "what was asked for", signal);
    const said = discord.log.entries.filter(({ text }) => text === "what was asked for");
    expect(said.map(({ kind, by }) => [kind, by])).toEqual([["post", "app"]]);
    expect(said[0]?.channel).not.toBe(channel);
  });
});
