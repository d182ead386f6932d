import {
  type APIModalInteractionResponseCallbackData,
  Client,
  type ClientEvents,
  Events,
  GatewayIntentBits,
  Partials,
} from "discord.js";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createDiscordStandIn, type DiscordStandIn, type SmallServer } from "../../support/discord/index.ts";

let discord: DiscordStandIn;
let server: SmallServer;
let channel: string;
let user: string;
const clients: Client[] = [];

beforeEach(async () => {
  discord = await createDiscordStandIn({ gateway: { heartbeatIntervalMs: 300, identifyWindowMs: 0 } });
  server = discord.setup.smallServer({ name: "Parley" });
  channel = server.channels[0] ?? "";
  user = server.users[0] ?? "";
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.destroy();
  await discord.close();
});

/** An ordinary client that differs from those on the real Discord by its addresses alone. */
async function connected(intents: readonly GatewayIntentBits[] = ALL_INTENTS): Promise<Client<true>> {
  const client = new Client({
    intents: [...intents],
    partials: [Partials.Channel, Partials.Message, Partials.Reaction, Partials.ThreadMember],
    rest: { api: discord.apiUrl, cdn: discord.cdnUrl, retries: 0 },
  });
  clients.push(client);
  const ready = next(client, Events.ClientReady);
  await client.login(server.app.botToken);
  const [readyClient] = await ready;
  return readyClient;
}

const ALL_INTENTS = [
  GatewayIntentBits.Guilds,
  GatewayIntentBits.GuildMembers,
  GatewayIntentBits.GuildMessages,
  GatewayIntentBits.GuildMessageReactions,
  GatewayIntentBits.DirectMessages,
  GatewayIntentBits.MessageContent,
];

it("tells an unmodified discord.js of messages, edits, reactions and direct messages", async () => {
  const client = await connected();
  expect(client.guilds.cache.get(server.guild)?.channels.cache.get(channel)?.name).toMatch(/^room/);

  const created = next(client, Events.MessageCreate);
  const { message } = discord.people.postAs(user, channel, `hello <@${server.app.botUserId}>`);
  const [heard] = await created;
  expect(heard).toMatchObject({ id: message, content: expect.stringContaining("hello") });
  expect(heard.mentions.users.has(server.app.botUserId)).toBe(true);

  const edited = next(client, Events.MessageUpdate);
  discord.people.editAs(user, channel, message, "other words");
  const [, after] = await edited;
  expect(after).toMatchObject({ content: "other words", editedTimestamp: expect.any(Number) });

  const reacted = next(client, Events.MessageReactionAdd);
  discord.people.reactAs(user, channel, message, "👀");
  expect((await reacted)[0].emoji.name).toBe("👀");

  const direct = next(client, Events.MessageCreate);
  discord.people.postAs(user, discord.people.openDirect(user, server.app.botUserId), "in private");
  const [whispered] = await direct;
  expect(whispered.inGuild()).toBe(false);
  await whispered.reply("yes?");
  expect(discord.log.posts({ by: "app" }).at(-1)).toMatchObject({ text: "yes?", notified: [user] });
});

function next<K extends keyof ClientEvents>(client: Client, event: K): Promise<ClientEvents[K]> {
  return new Promise((resolve) => client.once(event, (...args) => resolve(args)));
}

it("lets it open threads and answer in them, as a bot and as a webhook of its own", async () => {
  const client = await connected();
  const opened = next(client, Events.ThreadCreate);
  const { message } = discord.people.postAs(user, channel, "a question");
  const threadId = discord.people.threadAs(user, channel, "Answers", { messageId: message });
  const [thread] = await opened;
  expect([thread.id, threadId, thread.parentId]).toEqual([message, message, channel]);
  await thread.send("from the bot");

  const room = client.channels.cache.get(channel);
  if (room === undefined || !("createWebhook" in room)) throw new Error("no such room");
  const webhook = await room.createWebhook({ name: "Parley" });
  const posted = await webhook.send({
    content: "as an agent",
    username: "Guide",
    threadId,
    allowedMentions: { parse: [] },
  });
  await webhook.editMessage(posted.id, { content: "as an agent @everyone", threadId, allowedMentions: { parse: [] } });
  expect(discord.log.posts({ channel: threadId, by: "webhook" })).toMatchObject([
    { name: "Guide", text: "as an agent" },
  ]);
  expect(discord.log.ofKind("update", { channel: threadId })).toMatchObject([{ notified: [] }]);
  await webhook.editMessage(posted.id, { content: "as an agent @everyone", threadId });
  expect(discord.log.ofKind("update", { channel: threadId }).at(-1)).toMatchObject({ notified: ["everyone"] });
  await expect(webhook.editMessage(posted.id, "not there")).rejects.toMatchObject({ code: 10_008 });
});

it("lets it answer commands, presses and forms, once and in time", async () => {
  const client = await connected();
  await client.application.commands.set([{ name: "parley", description: "Talks to agents" }]);
  client.on(Events.InteractionCreate, (interaction) => {
    if (interaction.isChatInputCommand()) void interaction.reply({ content: "only you", flags: 64 });
    if (interaction.isButton()) void interaction.showModal(FORM);
    if (interaction.isModalSubmit()) void interaction.deferReply().then(() => interaction.editReply("thanks"));
  });
  const commanded = await discord.gestures.slash(user, channel, "parley");
  expect(commanded).toMatchObject({ acknowledged: true, how: "message", data: { content: "only you" } });
  expect(discord.people.history(channel)).toEqual([]);

  const room = client.channels.cache.get(channel);
  if (room?.isSendable() !== true) throw new Error("no such room");
  const question = await room.send({ content: "May I?", components: [{ type: 1, components: [BUTTON] }] });
  const pressed = await discord.gestures.press(user, { channel, message: question.id }, "Yes");
  expect(pressed).toMatchObject({ how: "modal", data: { title: "Why?" } });
  const submitted = await discord.gestures.submitModal(pressed.interactionId, { reason: "because" });
  expect(submitted).toMatchObject({ how: "deferred_message" });
  const [answered] = await discord.log.waitForKind("update", { channel });
  expect(answered).toMatchObject({ text: "thanks" });
  expect(discord.people.history(channel).at(-1)).toMatchObject({ content: "thanks", edited_timestamp: null, flags: 0 });

  const slow = discord.core.options.acknowledgeMs;
  expect(slow).toBe(3_000);
  const [interaction] = [...discord.core.world.interactions.values()];
  const again = await fetch(`${discord.apiUrl}/v10/interactions/${interaction?.id}/${interaction?.token}/callback`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ type: 5 }),
  });
  expect([again.status, await again.json()]).toMatchObject([400, { code: 40_060 }]);
});

it("resumes after a cut with nothing missing, and starts anew when the session is gone", async () => {
  const client = await connected();
  const heard: string[] = [];
  client.on(Events.MessageCreate, (message) => heard.push(message.content));
  const resumed = next(client, Events.ShardResume);
  discord.gateway.drop(server.app.applicationId);
  discord.people.postAs(user, channel, "while you were away");
  await resumed;
  expect(heard).toEqual(["while you were away"]);
  expect(discord.gateway.resumes()).toMatchObject([{ outcome: "resumed", replayed: 1 }]);
  expect(discord.gateway.identifies()).toHaveLength(1);

  const ready = next(client, Events.ShardReady);
  discord.gateway.forgetSessions(server.app.applicationId);
  discord.gateway.closeAll(server.app.applicationId, 4000);
  await ready;
  expect(discord.gateway.identifies().map((one) => one.outcome)).toEqual(["ready", "ready"]);
});

it("shows a bot without the content intent the words that are meant for it, and refuses intents that are not allowed", async () => {
  const client = await connected(ALL_INTENTS.filter((intent) => intent !== GatewayIntentBits.MessageContent));
  const heard: string[] = [];
  client.on(Events.MessageCreate, (message) => heard.push(message.content));
  discord.people.postAs(user, channel, "not for bots");
  const { message } = discord.people.postAs(user, channel, `for <@${server.app.botUserId}>`);
  await expect.poll(() => heard).toEqual(["", `for <@${server.app.botUserId}>`]);
  expect(message).toMatch(/^\d+$/);

  discord.setup.setPrivilegedIntents(server.app.applicationId, []);
  await expect(connected()).rejects.toThrow("disallowed intents");
  expect(discord.gateway.closes().map((one) => one.code)).toContain(4014);
});

const BUTTON = { type: 2, style: 3, label: "Yes", custom_id: "approval-1" } as const;
const FORM: APIModalInteractionResponseCallbackData = {
  custom_id: "form-1",
  title: "Why?",
  components: [{ type: 1, components: [{ type: 4, custom_id: "reason", style: 1, label: "Reason" }] }],
};
