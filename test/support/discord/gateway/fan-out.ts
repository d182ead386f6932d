import type { Core } from "../core.ts";
import { INTENTS } from "../model/bits.ts";
import { channelPermissions } from "../model/permissions.ts";
import type { Channel, Message, Wire } from "../model/records.ts";
import { memberWire, messageWire } from "../model/wire.ts";
import type { Gateway } from "./gateway.ts";
import type { Session } from "./session.ts";

/** An event in a guild, and who is told of it. */
interface GuildEvent {
  readonly type: string;
  /** One of these is enough; 0 needs none. */
  readonly intents: number;
  /** Undefined when this bot is not told. */
  readonly data: (session: Session) => Wire | undefined;
}

/** Who is told of what: by guild, shard, intents and permissions, with the content blanked where the intent for it is missing. */
export class FanOut {
  readonly #core: Core;
  readonly #gateway: Gateway;

  constructor(core: Core, gateway: Gateway) {
    this.#core = core;
    this.#gateway = gateway;
  }

  toGuild(guildId: string, event: GuildEvent): void {
    const guild = this.#core.world.guilds.get(guildId);
    if (guild === undefined) return;
    for (const application of this.#core.world.applications.values()) {
      if (!guild.members.has(application.botUserId)) continue;
      for (const session of this.#gateway.sessionsOf(application.id)) this.#offer(session, guildId, event);
    }
  }

  /** To one application alone, as with interactions. */
  toApplication(applicationId: string, guildId: string | undefined, event: GuildEvent): void {
    for (const session of this.#gateway.sessionsOf(applicationId)) this.#offer(session, guildId, event);
  }

  /** To those who can see the channel: in guilds by permission, in direct messages to the one bot there. */
  inChannel(
    channel: Channel,
    intents: { guild: number; direct: number },
    type: string,
    data: (session: Session) => Wire | undefined,
  ): void {
    const { world } = this.#core;
    if (channel.guildId !== undefined) {
      const seen = (session: Session): Wire | undefined =>
        channelPermissions(world, channel, session.botUserId) === 0n ? undefined : data(session);
      this.toGuild(channel.guildId, { type, intents: intents.guild, data: seen });
      return;
    }
    for (const userId of channel.recipients) {
      const applicationId = world.users.get(userId)?.applicationId;
      if (applicationId !== undefined)
        this.toApplication(applicationId, undefined, { type, intents: intents.direct, data });
    }
  }

  message(type: "MESSAGE_CREATE" | "MESSAGE_UPDATE", channel: Channel, message: Message): void {
    const intents = { guild: INTENTS.GUILD_MESSAGES, direct: INTENTS.DIRECT_MESSAGES };
    this.inChannel(channel, intents, type, (session) => ({
      ...visibleTo(
        messageWire(this.#core, message, session.botUserId),
        session.botUserId,
        session.applicationId,
        channel.guildId === undefined || session.wants(INTENTS.MESSAGE_CONTENT),
      ),
      ...this.#around(channel, message),
    }));
  }

  #around(channel: Channel, message: Message): Wire {
    const { guildId } = channel;
    const guild = guildId === undefined ? undefined : this.#core.world.guilds.get(guildId);
    const member = message.webhook === undefined ? guild?.members.get(message.authorId) : undefined;
    return {
      channel_type: channel.type,
      ...(guildId === undefined ? {} : { guild_id: guildId }),
      ...(guild === undefined || member === undefined ? {} : { member: memberWire(guild, member) }),
    };
  }

  #offer(session: Session, guildId: string | undefined, event: GuildEvent): void {
    if (!session.covers(guildId) || !session.wants(event.intents)) return;
    const data = event.data(session);
    if (data !== undefined) this.#gateway.dispatch(session, event.type, data);
  }
}

/**
 * Blanks what a message says when the app may not read contents: all but its own messages, direct messages, and those that name it,
 * pings by a reply included.
 */
export function visibleTo(wire: Wire, botUserId: string, applicationId: string, mayRead: boolean): Wire {
  const { author, mentions, application_id: postedBy, referenced_message: referenced } = wire;
  const inner =
    typeof referenced === "object" && referenced !== null
      ? { referenced_message: visibleTo({ ...referenced }, botUserId, applicationId, mayRead) }
      : {};
  const named = Array.isArray(mentions) && mentions.some((one: unknown) => idOf(one) === botUserId);
  if (mayRead || idOf(author) === botUserId || postedBy === applicationId || named) return { ...wire, ...inner };
  return { ...wire, ...inner, content: "", embeds: [], attachments: [], components: [], message_snapshots: undefined };
}

function idOf(value: unknown): unknown {
  return typeof value === "object" && value !== null && "id" in value ? value.id : undefined;
}
