import { randomBytes } from "node:crypto";
import type { Application, Channel, Guild, Interaction, Member, Message, User, Webhook } from "./records.ts";
import { compareSnowflakes, Snowflakes } from "./snowflake.ts";

/** All state that Discord itself would hold, with the indexes the hot paths need. */
export class World {
  readonly users = new Map<string, User>();
  readonly applications = new Map<string, Application>();
  readonly guilds = new Map<string, Guild>();
  readonly channels = new Map<string, Channel>();
  readonly webhooks = new Map<string, Webhook>();
  readonly interactions = new Map<string, Interaction>();
  readonly #ids = new Snowflakes();
  readonly #byToken = new Map<string, Application>();
  readonly #direct = new Map<string, Channel>();

  newId(atMs: number = Date.now()): string {
    return this.#ids.next(atMs);
  }

  /** A secret that nobody can guess. */
  newSecret(length = 68): string {
    return randomBytes(length).toString("base64url").slice(0, length);
  }

  /** A token in the form of a bot's: its user id, a time and a secret. */
  newBotToken(userId: string): string {
    return `${Buffer.from(userId).toString("base64url")}.${this.newSecret(6)}.${this.newSecret(38)}`;
  }

  addApplication(application: Application): void {
    this.applications.set(application.id, application);
    this.#byToken.set(application.botToken, application);
  }

  /** Gives an application another bot token; the old one stops to work at once. */
  replaceToken(application: Application, botToken: string): void {
    this.#byToken.delete(application.botToken);
    application.botToken = botToken;
    this.#byToken.set(botToken, application);
  }

  applicationByToken(token: string): Application | undefined {
    return this.#byToken.get(token);
  }

  guildsOf(userId: string): Guild[] {
    return [...this.guilds.values()].filter((guild) => guild.members.has(userId));
  }

  channelsOf(guildId: string): Channel[] {
    return [...this.channels.values()].filter((channel) => channel.guildId === guildId && !channel.deleted);
  }

  /** Every thread of a guild that is not archived. */
  activeThreads(guildId: string): Channel[] {
    return this.channelsOf(guildId).filter((channel) => channel.thread?.archived === false);
  }

  /** The direct channel of two people, if it was opened before. */
  directChannel(one: string, other: string): Channel | undefined {
    return this.#direct.get([one, other].sort().join("+"));
  }

  rememberDirect(channel: Channel): void {
    this.#direct.set([...channel.recipients].sort().join("+"), channel);
  }

  /** Keeps the channel's messages in the order of their ids, as Discord lists them. */
  addMessage(channel: Channel, message: Message): void {
    channel.byId.set(message.id, message);
    let at = channel.messages.length;
    while (at > 0 && compareSnowflakes(channel.messages[at - 1]?.id ?? "", message.id) > 0) at -= 1;
    channel.messages.splice(at, 0, message);
  }

  member(guildId: string | undefined, userId: string): Member | undefined {
    return guildId === undefined ? undefined : this.guilds.get(guildId)?.members.get(userId);
  }

  /** The record with this id, or an error that names what a test got wrong. */
  need<T>(map: ReadonlyMap<string, T>, id: string): T {
    const found = map.get(id);
    if (found === undefined) throw new Error(`the Discord stand-in knows nothing by the id ${id}`);
    return found;
  }

  needMessage(channelId: string, messageId: string): Message {
    const message = this.need(this.channels, channelId).byId.get(messageId);
    if (message === undefined || message.deleted) throw new Error(`no message ${messageId} in ${channelId}`);
    return message;
  }
}
