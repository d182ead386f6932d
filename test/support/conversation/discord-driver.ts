import { approvalCustomId } from "../../../adapters/discord/actions.ts";
import { createDiscordStandIn } from "../discord/index.ts";
import { AGENT, type ChatDriver, type ShownPost } from "./chat-driver.ts";

/** Announcements of Discord itself have other types: that a thread began, or what it began with. */
const SAYING: readonly number[] = [0, 19, 20];

/** A channel of a Discord guild, in front of the stand-in. */
export async function discordDriver(): Promise<ChatDriver> {
  const discord = await createDiscordStandIn({ gateway: { identifyWindowMs: 0 } });
  const server = discord.setup.smallServer({ name: "Parley" });
  const { people, gestures, core, log } = discord;
  const [channel = "", user = ""] = [server.channels[0], server.users[0]];
  const { applicationId, botToken, botUserId } = server.app;
  const placeOf = (thread: string | undefined): string => thread ?? channel;

  /** What people read of a message, in its newest version, and under whose name. */
  function shown(message: Message): ShownPost {
    const about = { channel: message.channelId, message: message.id };
    const entries = [...log.posts(about), ...log.ofKind("update", about)];
    return {
      id: message.id,
      thread: message.channelId === channel ? undefined : message.channelId,
      author: entries[0]?.name ?? "",
      text: entries.at(-1)?.text ?? "",
      files: message.attachments.map((file) => ({ name: file.filename, read: async () => file.bytes.toString() })),
    };
  }

  return {
    platform: "discord",
    livesInParley: false,
    env: {
      DISCORD_BOT_TOKEN: botToken,
      DISCORD_API_URL: `${discord.apiUrl}/v10`,
      DISCORD_CDN_HOSTS: new URL(discord.cdnUrl).host,
      DISCORD_SHARDS: "1",
      DISCORD_PACING: "off",
    },
    channel: () => channel,
    connect: async () => undefined,
    address: `@Parley ${AGENT.handle}`,
    ask: (words) => `<@${botUserId}> ${AGENT.handle} ${words}`,
    say: async (text, { thread, file } = {}) => {
      const files = file && [{ name: file.name, base64: btoa(file.text), contentType: file.mediaType }];
      return people.postAs(user, placeOf(thread), text, files && { files }).message;
    },
    edit: async (messageId, text, { thread } = {}) => people.editAs(user, placeOf(thread), messageId, text),
    remove: async (messageId, { thread } = {}) => people.deleteAs(user, placeOf(thread), messageId),
    react: async (messageId, emoji, { thread } = {}) => people.reactAs(user, placeOf(thread), messageId, emoji),
    unreact: async (messageId, emoji, { thread } = {}) => people.unreactAs(user, placeOf(thread), messageId, emoji),
    emojiOf: (reaction) => reaction,
    choose: async (post, { approvalId, id }) => {
      const at = { channel: placeOf(post.thread), message: post.id };
      const { acknowledged } = await gestures.press(user, at, approvalCustomId(approvalId, id) ?? "");
      if (!acknowledged) throw new Error("the press was not acknowledged");
    },
    posts: async (thread) =>
      [...core.world.channels.values()]
        .filter(({ id, parentId }) => (thread === undefined ? id === channel || parentId === channel : id === thread))
        .flatMap(({ messages }) => messages)
        .filter((message) => message.authorId === botUserId || message.applicationId === applicationId)
        .filter((message) => !message.deleted && SAYING.includes(message.type))
        .map(shown),
    close: () => discord.close(),
  };
}

type Message = ReturnType<Awaited<ReturnType<typeof createDiscordStandIn>>["core"]["channel"]>["messages"][number];
