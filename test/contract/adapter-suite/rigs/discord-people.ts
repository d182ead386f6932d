import type { Target } from "../../../../src/contracts/adapter.ts";
import type { PlatformEventKind as EventKind } from "../../../../src/envelope/envelope.ts";
import type { InteractionOutcome } from "../../../support/discord/index.ts";
import type { Answer, Inbound, InboundOptions } from "../harness.ts";
import { marker, partsOf, postFor } from "../probe.ts";
import { type DiscordSide, ORGANIZATION } from "./discord-side.ts";

const EMOJI = "👀";
/** The button by which people stop what an agent does. */
const STOP_BUTTON = "parley:stop";

/** What people do in the stand-in's Discord, and what became of Discord's telling the app. */
export class DiscordPeople {
  readonly #side: DiscordSide;

  constructor(side: DiscordSide) {
    this.#side = side;
  }

  /** A new channel; resolves once the adapter has taken in that it is there. */
  async conversation(guild = this.#side.server.guild): Promise<Target> {
    const { discord, server, asker, installationId } = this.#side;
    let channelId = "";
    const { answer } = this.#told("CHANNEL_CREATE", { channelId }, () => {
      channelId = discord.setup.addChannel(guild);
    });
    if (discord.gateway.connectionCount(server.app.applicationId) > 0) await answer.catch(() => undefined);
    else answer.catch(() => undefined);
    return {
      organizationId: ORGANIZATION,
      installationId,
      conversation: {
        space: { id: guild },
        channel: { id: channelId, name: discord.core.channel(channelId).name, kind: "public", external: false },
      },
      askerId: asker,
    };
  }

  async thread(target: Target): Promise<Target> {
    const { discord, asker } = this.#side;
    const { id } = target.conversation.channel;
    const root = discord.people.postAs(asker, id, `root ${marker()}`);
    const made = this.#told("THREAD_CREATE", { channelId: id }, () =>
      discord.people.threadAs(asker, id, `thread ${marker()}`, { messageId: root.message }),
    );
    await made.answer.catch(() => undefined);
    return { ...target, conversation: { ...target.conversation, thread: { id: root.message } } };
  }

  async inbound(kind: EventKind, options: InboundOptions = {}): Promise<Inbound> {
    const { discord, server, asker } = this.#side;
    const { people, gestures } = discord;
    const target = options.target ?? (await this.conversation());
    const channelId = target.conversation.channel.id;
    const place = target.conversation.thread?.id ?? channelId;
    const words = options.text ?? `words ${marker()}`;
    const byAsker = { channelId, actorId: asker };
    const written = async (): Promise<string> => {
      const first = await this.inbound("message_created", { target });
      await first.answer;
      return first.messageId ?? "";
    };
    switch (kind) {
      case "message_created": {
        const { file } = options;
        const files =
          file === undefined
            ? {}
            : { files: [{ name: file.name, base64: Buffer.from(file.bytes).toString("base64") }] };
        return this.#told("MESSAGE_CREATE", byAsker, () => people.postAs(asker, place, words, files).message);
      }
      case "message_edited": {
        const id = await written();
        return this.#told("MESSAGE_UPDATE", byAsker, () => {
          people.editAs(asker, place, id, words);
          return id;
        });
      }
      case "message_deleted": {
        const id = await written();
        // Discord does not say who deletes.
        return this.#told("MESSAGE_DELETE", { channelId }, () => {
          people.deleteAs(asker, place, id);
          return id;
        });
      }
      case "reaction_added":
      case "reaction_removed": {
        const id = await written();
        const added = this.#told("MESSAGE_REACTION_ADD", byAsker, () => {
          people.reactAs(asker, place, id, EMOJI);
          return id;
        });
        if (kind === "reaction_added") return added;
        await added.answer;
        return this.#told("MESSAGE_REACTION_REMOVE", byAsker, () => {
          people.unreactAs(asker, place, id, EMOJI);
          return id;
        });
      }
      case "member_joined":
      case "member_left": {
        const newcomer = discord.setup.addUser();
        const about = { channelId, actorId: newcomer };
        const joined = this.#told("GUILD_MEMBER_ADD", about, () => people.join(newcomer, server.guild));
        if (kind === "member_joined") return joined;
        await joined.answer;
        return this.#told("GUILD_MEMBER_REMOVE", about, () => people.leave(newcomer, server.guild));
      }
      case "channel_created": {
        let id = "";
        const created = this.#told("CHANNEL_CREATE", { channelId: id }, () => {
          id = people.createChannelAs(asker, server.guild, `room-${marker()}`);
        });
        return { ...created, channelId: id };
      }
      case "channel_renamed":
        return this.#told("CHANNEL_UPDATE", { channelId }, () => people.renameChannel(channelId, `room-${marker()}`));
      case "channel_archived":
        return this.#told("CHANNEL_DELETE", { channelId }, () => people.deleteChannelAs(asker, channelId));
      case "thread_created":
        return this.#told("THREAD_CREATE", byAsker, () => void people.threadAs(asker, channelId, `thread ${marker()}`));
      case "command_invoked": {
        const text = options.text;
        const [command, given] = text === undefined ? ["parley agents", {}] : ["parley ask", { question: text }];
        return { ...byAsker, answer: answered(gestures.slash(asker, place, command, given)) };
      }
      case "action_submitted":
        return await this.#press(target, place);
      case "session_stopped":
        return await this.#stop(target, place);
      case "direct_message_opened":
        throw new Error("Discord says nothing of a direct channel before something is said in it");
    }
  }

  /** The event comes again to a process that begins where the one before stood before it, as after a crash. */
  async inboundTwice(kind: EventKind): Promise<Inbound> {
    const { sink, server, current, succeed } = this.#side;
    const keptBy = [server.guild, server.app.applicationId].map((id) => `installation:${ORGANIZATION}:${id}`);
    const target = await this.conversation();
    await current().stop();
    const before = await Promise.all(keptBy.map((id) => sink.state.read(id, "")));
    await succeed(sink);
    const inbound = await this.inbound(kind, { target });
    await inbound.answer;
    await current().stop();
    for (const [index, id] of keptBy.entries()) {
      const now = await sink.state.read(id, "");
      const added = [...now.keys()].map((key): [string, null] => [key, null]);
      await sink.state.write(id, new Map<string, Uint8Array | null>([...added, ...(before[index] ?? [])]));
    }
    await succeed(sink);
    return inbound;
  }

  /** One message each in both guilds. */
  async tellBoth(otherGuild: string): Promise<void> {
    const { discord, server, asker } = this.#side;
    const other = await this.conversation(otherGuild);
    const own = await this.conversation(server.guild);
    discord.people.postAs(asker, own.conversation.channel.id, "for both");
    discord.people.postAs(asker, other.conversation.channel.id, "for both");
  }

  async unfurl(): Promise<Inbound> {
    const first = await this.inbound("message_created", { text: "see https://example.org/page" });
    await first.answer;
    return this.#told("MESSAGE_UPDATE", first, () => {
      this.#side.discord.people.unfurl(first.channelId, first.messageId ?? "");
      return first.messageId;
    });
  }

  async otherBotSpeaks(): Promise<Inbound> {
    const { discord, server } = this.#side;
    const { conversation } = await this.conversation();
    const weather = discord.setup.addApp({ name: "Weather" });
    discord.setup.install(weather.applicationId, server.guild);
    const channelId = conversation.channel.id;
    return this.#told(
      "MESSAGE_CREATE",
      { channelId, actorId: weather.botUserId },
      () => discord.people.postAs(weather.botUserId, channelId, "It will rain.").message,
    );
  }

  async #press(target: Target, place: string): Promise<Inbound> {
    const { discord, asker } = this.#side;
    const approval = partsOf([
      {
        type: "approval_request",
        approvalId: "a1",
        prompt: "May I?",
        options: [{ id: "yes", label: "Yes", effect: "allow" }],
      },
    ]);
    const adapter = this.#side.current();
    const { messageId } = await adapter.send(postFor(adapter, target, approval));
    const pressed = discord.gestures.press(asker, { channel: place, message: messageId }, "Yes");
    return { channelId: target.conversation.channel.id, actorId: asker, messageId, answer: answered(pressed) };
  }

  /** Presses the button beside what an agent is doing. */
  async #stop(target: Target, place: string): Promise<Inbound> {
    const { discord, asker } = this.#side;
    const message = await withStopButton(this.#side, place);
    const pressed = discord.gestures.press(asker, { channel: place, message }, STOP_BUTTON);
    const { id } = target.conversation.channel;
    return { channelId: id, actorId: asker, messageId: message, answer: answered(pressed) };
  }

  /** Does something of which Discord tells the app by a dispatch of this type. */
  #told(type: string, about: { channelId: string; actorId?: string }, act: () => string | undefined | void): Inbound {
    const { discord, server, refusals } = this.#side;
    const { applicationId } = server.app;
    const from = discord.gateway.dispatches(applicationId, type).length;
    const before = refusals();
    const messageId = act();
    const { channelId, actorId } = about;
    const dispatch = discord.gateway.dispatches(applicationId, type)[from];
    return {
      channelId,
      ...(actorId === undefined ? {} : { actorId }),
      ...(typeof messageId === "string" && type !== "THREAD_CREATE" ? { messageId } : {}),
      answer:
        dispatch === undefined
          ? Promise.resolve("refused")
          : discord.gateway.answerTo(dispatch, () => refusals() > before),
    };
  }
}

/** Writes, past the adapter, what its previews carry: the button that stops. */
async function withStopButton({ discord, server }: DiscordSide, channelId: string): Promise<string> {
  const answer = await fetch(`${discord.apiUrl}/v10/channels/${channelId}/messages`, {
    method: "POST",
    headers: { authorization: `Bot ${server.app.botToken}`, "content-type": "application/json" },
    body: JSON.stringify({
      content: "at work",
      components: [{ type: 1, components: [{ type: 2, style: 2, label: "Stop", custom_id: STOP_BUTTON }] }],
    }),
  });
  const posted: unknown = await answer.json();
  return typeof posted === "object" && posted !== null && "id" in posted ? String(posted.id) : "";
}

async function answered(outcome: Promise<InteractionOutcome>): Promise<Answer> {
  return (await outcome).acknowledged ? "acknowledged" : "refused";
}
