import { randomUUID } from "node:crypto";
import type { Answer, MadeUp } from "../harness.ts";
import type { DiscordSide } from "./discord-side.ts";

/** Dispatches that the stand-in's Discord would not send by itself. */
export class DiscordMadeUp {
  readonly #side: DiscordSide;

  constructor(side: DiscordSide) {
    this.#side = side;
  }

  unknownEvents(): readonly MadeUp[] {
    const { server } = this.#side;
    const [channel = ""] = server.channels;
    const inGuild = { guild_id: server.guild, channel_id: channel };
    return [
      this.#event("an event type of the future", "HOLOGRAM_SHOWN", { ...inGuild, id: this.#id() }),
      this.#event("a message type of the future", "MESSAGE_CREATE", { ...this.#message(), type: 250 }),
      this.#event("a kind of channel of the future", "CHANNEL_CREATE", {
        id: this.#id(),
        guild_id: server.guild,
        type: 250,
        name: "hologram",
      }),
      this.#event("an interaction type of the future", "INTERACTION_CREATE", {
        ...this.#interaction(),
        type: 250,
      }),
    ];
  }

  malformedEvents(): readonly MadeUp[] {
    const { server } = this.#side;
    const [channel = ""] = server.channels;
    const without = (field: string): object => {
      const message: Record<string, unknown> = this.#message();
      delete message[field];
      return message;
    };
    return [
      this.#event("a message without an id", "MESSAGE_CREATE", without("id")),
      this.#event("a message without a channel", "MESSAGE_CREATE", without("channel_id")),
      this.#event("a message of nobody", "MESSAGE_CREATE", without("author")),
      this.#event("a message whose id is a number", "MESSAGE_CREATE", { ...this.#message(), id: 7 }),
      this.#event("a message whose author is a list", "MESSAGE_CREATE", { ...this.#message(), author: [] }),
      this.#event("an event that is null", "MESSAGE_CREATE", null),
      this.#event("an event that is a list", "MESSAGE_CREATE", [randomUUID()]),
      this.#event("an edit with a time that is none", "MESSAGE_UPDATE", {
        ...this.#message(),
        edited_timestamp: "yesterday",
      }),
      this.#event("a deletion without a message", "MESSAGE_DELETE", { channel_id: channel, guild_id: server.guild }),
      this.#event("a reaction without an emoji", "MESSAGE_REACTION_ADD", {
        user_id: this.#side.asker,
        channel_id: channel,
        message_id: this.#id(),
        guild_id: server.guild,
      }),
      this.#event("a channel without an id", "CHANNEL_CREATE", { guild_id: server.guild, type: 0, name: "x" }),
      this.#event("an interaction without data", "INTERACTION_CREATE", { ...this.#interaction(), data: undefined }),
      this.#event("an interaction without a token", "INTERACTION_CREATE", {
        ...this.#interaction(),
        token: undefined,
      }),
    ];
  }

  #message(): Record<string, unknown> {
    const { server, asker } = this.#side;
    return {
      id: this.#id(),
      channel_id: server.channels[0],
      guild_id: server.guild,
      type: 0,
      content: "x",
      timestamp: new Date().toISOString(),
      edited_timestamp: null,
      author: { id: asker, username: "somebody", discriminator: "0" },
      mentions: [],
      attachments: [],
      embeds: [],
      flags: 0,
    };
  }

  #interaction(): Record<string, unknown> {
    const { server, asker } = this.#side;
    return {
      id: this.#id(),
      application_id: server.app.applicationId,
      type: 2,
      token: randomUUID(),
      version: 1,
      guild_id: server.guild,
      channel_id: server.channels[0],
      member: { user: { id: asker, username: "somebody", discriminator: "0" }, roles: [], permissions: "0" },
      data: { id: this.#id(), name: "parley", type: 1 },
    };
  }

  #id(): string {
    return this.#side.discord.core.world.newId();
  }

  #event(name: string, type: string, data: unknown): MadeUp {
    const { discord, server, refusals } = this.#side;
    const { applicationId } = server.app;
    return {
      name,
      send: (): Promise<Answer> => {
        const before = refusals();
        discord.gateway.inject(applicationId, type, data, server.guild);
        const dispatch = discord.gateway.dispatches(applicationId).at(-1);
        if (dispatch === undefined) throw new Error("there is no session");
        return discord.gateway.answerTo(dispatch, () => refusals() > before);
      },
    };
  }
}
