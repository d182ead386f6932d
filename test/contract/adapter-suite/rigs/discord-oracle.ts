import type { Target } from "../../../../src/contracts/adapter.ts";
import type { LogEntry } from "../../../support/discord/index.ts";
import type { PlatformOracle, ShownMessage } from "../harness.ts";
import type { DiscordSide } from "./discord-side.ts";

type Message = ReturnType<DiscordSide["discord"]["core"]["channel"]>["messages"][number];

/** What two clocks of whole ms may differ by. */
const CLOCK_GRAIN_MS = 2;
/** Types of messages that say something; all others are announcements of Discord itself. */
const SAYING: readonly number[] = [0, 19, 20];

/** What the stand-in's channels and its append-only log say. */
export function discordOracle({ discord, server, asker }: DiscordSide): PlatformOracle {
  const { applicationId, botUserId } = server.app;
  const isOwn = (message: Message): boolean =>
    message.authorId === botUserId || message.applicationId === applicationId;
  const placeOf = (target: Target): string => target.conversation.thread?.id ?? target.conversation.channel.id;
  const messagesIn = (target: Target): Message[] =>
    (discord.core.world.channels.get(placeOf(target))?.messages ?? []).filter(
      (message) => !message.deleted && SAYING.includes(message.type),
    );
  return {
    messages: async (target) =>
      messagesIn(target)
        .filter(isOwn)
        .map((message) => shownMessage(discord, message)),
    reactions: async (target, messageId) => {
      const reactions = messagesIn(target).find((message) => message.id === messageId)?.reactions ?? new Map();
      return [...reactions].flatMap(([emoji, users]) => (users.includes(botUserId) ? [emoji] : []));
    },
    status: async (target) => {
      const own = messagesIn(target).filter(isOwn).at(-1);
      return own === undefined ? undefined : shownMessage(discord, own).content;
    },
    privateAnswers: async (target) => {
      const direct = discord.core.directChannel(server.app.botUserId, asker).id;
      return [
        ...[...discord.log.ofKind("ephemeral"), ...discord.log.ofKind("ephemeral_update")].filter(
          ({ channel, detail }) => channel === placeOf(target) && detail?.["user"] === asker,
        ),
        ...discord.log.posts({ channel: direct }),
      ].map((entry) => entry.text ?? "");
    },
    earlyWrites: () =>
      discord.requests.callsBeforeRetryAfter().filter((call) => call.earlyByMs > CLOCK_GRAIN_MS).length,
  };
}

function shownMessage(discord: DiscordSide["discord"], message: Message): ShownMessage {
  const about = { channel: message.channelId, message: message.id };
  const entries: readonly LogEntry[] = [...discord.log.posts(about), ...discord.log.ofKind("update", about)];
  const text = entries.at(-1)?.text ?? "";
  const names = message.attachments.map((file) => file.filename);
  const file = message.attachments[0]?.bytes;
  return {
    id: message.id,
    content: text,
    // Of a message that is nothing but a file, notifications and screen readers get its name.
    plainText: text === "" ? names.join("\n") : text,
    notified: [...new Set(entries.flatMap((entry) => entry.notified ?? []))],
    unfurled: [...new Set(entries.flatMap((entry) => entry.unfurled ?? []))],
    ...(file === undefined ? {} : { file }),
  };
}
