import { Client, type ClientEvents, Events, GatewayIntentBits, Partials } from "discord.js";
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
