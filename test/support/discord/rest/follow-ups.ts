import type { Core } from "../core.ts";
import { buildMessage, deleteMessage, editMessage, postMessage, readableText } from "../effects/messages.ts";
import { MESSAGE_FLAGS, MESSAGE_TYPES } from "../model/bits.ts";
import type { Channel, Interaction, Message, Wire } from "../model/records.ts";
import { messageWire } from "../model/wire.ts";
import { refused } from "./api-error.ts";
import type { UploadedFile } from "./body.ts";
import { type Call, NO_CONTENT, param } from "./call.ts";
import { messageContent } from "./message-body.ts";

/** Answers to an interaction after the first: by its token, for 15 min, seen by all or by the asker alone. */
export class FollowUps {
  /** A first follow-up to a deferred answer takes its place. */
  create(call: Call): Wire {
    const interaction = alive(call);
    const original =
      interaction.originalId === undefined ? undefined : find(call.core, interaction, interaction.originalId);
    if (original !== undefined && (original.flags & MESSAGE_FLAGS.LOADING) !== 0)
      return this.#change(call, interaction, original);
    const message = answer(call.core, interaction, call.body, { files: call.files, requestId: call.requestId });
    return messageWire(call.core, message);
  }

  read(call: Call): Wire {
    return messageWire(call.core, named(call));
  }

  edit(call: Call): Wire {
    return this.#change(call, alive(call), named(call));
  }

  remove(call: Call): unknown {
    const { core } = call;
    const interaction = alive(call);
    const message = named(call);
    message.deleted = true;
    if (interaction.ephemeral.has(message.id)) return NO_CONTENT;
    deleteMessage(core, core.channel(message.channelId), message, { id: message.authorId, by: "app" });
    return NO_CONTENT;
  }

  #change(call: Call, interaction: Interaction, message: Message): Wire {
    const { core } = call;
    const wasLoading = (message.flags & MESSAGE_FLAGS.LOADING) !== 0;
    const { flags = message.flags, ...change } = messageContent(core.world, call.body, call.files, message);
    replaceAnswer(
      core,
      interaction,
      message,
      { ...change, flags: flags & ~MESSAGE_FLAGS.LOADING },
      {
        silent: wasLoading,
        requestId: call.requestId,
      },
    );
    return messageWire(core, message);
  }
}

/** Writes an answer where its flags say: into the channel, or for the asker alone. */
export function answer(
  core: Core,
  interaction: Interaction,
  data: Wire,
  how: { files?: readonly UploadedFile[]; requestId?: number; loading?: boolean } = {},
): Message {
  const said = how.loading === true ? { flags: loadingFlags(data) } : messageContent(core.world, data, how.files ?? []);
  const application = core.application(interaction.applicationId);
  const channel = core.channel(interaction.channelId);
  const given = {
    ...said,
    type: interaction.type === 2 ? MESSAGE_TYPES.CHAT_INPUT_COMMAND : MESSAGE_TYPES.DEFAULT,
    authorId: application.botUserId,
    applicationId: application.id,
    interaction: {
      id: interaction.id,
      type: interaction.type,
      userId: interaction.userId,
      ...(interaction.name === undefined ? {} : { name: interaction.name }),
    },
    ...(how.requestId === undefined ? {} : { requestId: how.requestId }),
  };
  if (((said.flags ?? 0) & MESSAGE_FLAGS.EPHEMERAL) === 0) {
    // Answers carry an application id of their own; replies of webhooks do too.
    return postMessage(core, channel, given);
  }
  const message = buildMessage(core, channel, given);
  interaction.ephemeral.set(message.id, message);
  logEphemeral(core, interaction, channel, message, "ephemeral");
  return message;
}

/** Changes an answer; one that was being waited for becomes a message and is no edit. */
export function replaceAnswer(
  core: Core,
  interaction: Interaction,
  message: Message,
  change: Parameters<typeof editMessage>[3],
  how: { silent?: boolean; requestId?: number } = {},
): void {
  const channel = core.channel(message.channelId);
  if (!interaction.ephemeral.has(message.id)) {
    editMessage(core, channel, message, { ...change, ...how });
    return;
  }
  if (change.content !== undefined) message.content = change.content;
  if (change.embeds !== undefined) message.embeds = [...change.embeds];
  if (change.components !== undefined) message.components = [...change.components];
  if (change.attachments !== undefined) message.attachments = [...change.attachments];
  if (change.flags !== undefined) message.flags = change.flags;
  logEphemeral(core, interaction, channel, message, "ephemeral_update");
}

function loadingFlags(data: Wire): number {
  const { flags } = data;
  return (typeof flags === "number" ? flags & MESSAGE_FLAGS.EPHEMERAL : 0) | MESSAGE_FLAGS.LOADING;
}

function logEphemeral(
  core: Core,
  interaction: Interaction,
  channel: Channel,
  message: Message,
  kind: "ephemeral" | "ephemeral_update",
): void {
  core.log.append({
    kind,
    ...(channel.guildId === undefined ? {} : { guild: channel.guildId }),
    channel: channel.id,
    message: message.id,
    text: readableText(message),
    by: "app",
    actor: message.authorId,
    applicationId: interaction.applicationId,
    detail: { user: interaction.userId, interaction: interaction.id },
  });
}

/** The interaction of the token: unknown before its first answer, refused once the token is too old. */
function alive(call: Call): Interaction {
  const { core } = call;
  const token = param(call, "token");
  const interaction = [...core.world.interactions.values()].find((one) => one.token === token);
  if (interaction === undefined || interaction.applicationId !== param(call, "webhook")) throw refused(50027);
  if (core.nowMs() - interaction.createdAt > core.options.interactionTokenMs) throw refused(50027);
  if (interaction.acknowledged === undefined) throw refused(10015);
  return interaction;
}

function named(call: Call): Message {
  const interaction = alive(call);
  const id = param(call, "message");
  const message = find(call.core, interaction, id === "@original" ? (interaction.originalId ?? "") : id);
  if (message === undefined || message.deleted) throw refused(10008);
  return message;
}

function find(core: Core, interaction: Interaction, id: string): Message | undefined {
  const hidden = interaction.ephemeral.get(id);
  if (hidden !== undefined) return hidden;
  const message = core.channel(interaction.channelId).byId.get(id);
  const isOriginal = message !== undefined && interaction.originalId === id;
  return message?.interaction?.id === interaction.id || isOriginal ? message : undefined;
}
