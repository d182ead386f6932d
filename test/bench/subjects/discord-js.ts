import { Client, GatewayIntentBits } from "discord.js";
import { z } from "zod";

/** A plain discord.js bot as its guide begins: it answers in the channel, nothing is stored. */
const Settings = z.object({ botToken: z.string(), apiUrl: z.string() });
const settings = Settings.parse(JSON.parse(process.argv[2] ?? "{}"));
const { Guilds, GuildMessages, MessageContent } = GatewayIntentBits;
const client = new Client({
  intents: [Guilds, GuildMessages, MessageContent],
  // Its own limit of 50 requests a second would be all that is measured.
  rest: { api: settings.apiUrl, globalRequestsPerSecond: 1_000_000 },
});
client.on("messageCreate", (message) => {
  const token = /\[#[\w-]+\]/.exec(message.content)?.[0];
  if (message.author.bot || token === undefined || !message.channel.isSendable()) return;
  void message.channel.send(`Answer to ${token}.`);
});
client.once("clientReady", () => process.stdout.write("ready\n"));
await client.login(settings.botToken);
