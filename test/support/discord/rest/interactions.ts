import type { Core } from "../core.ts";
import { MESSAGE_FLAGS } from "../model/bits.ts";
import { isWire } from "../model/markup.ts";
import type { Acknowledgement, Interaction, Message, Wire } from "../model/records.ts";
import { messageWire } from "../model/wire.ts";
import { invalidForm, missing, refused, tooLong } from "./api-error.ts";
import { Answer, type Call, type Handler, idParam, NO_CONTENT, open, param } from "./call.ts";
import { answer, replaceAnswer } from "./follow-ups.ts";
import { messageContent } from "./message-body.ts";

const COMMAND = 2;
const COMPONENT = 3;
const AUTOCOMPLETE = 4;
const MODAL_SUBMIT = 5;

const CALLBACKS: Readonly<Record<number, { how: Acknowledgement; to: readonly number[] }>> = {
  4: { how: "message", to: [COMMAND, COMPONENT, MODAL_SUBMIT] },
  5: { how: "deferred_message", to: [COMMAND, COMPONENT, MODAL_SUBMIT] },
  6: { how: "deferred_update", to: [COMPONENT, MODAL_SUBMIT] },
  7: { how: "update", to: [COMPONENT, MODAL_SUBMIT] },
  8: { how: "choices", to: [AUTOCOMPLETE] },
  9: { how: "modal", to: [COMMAND, COMPONENT] },
};

/** The first answer to an interaction: within 3 s, and once. */
export const interactionRoutes: Readonly<Record<string, Handler>> = {
  "POST /interactions/:interaction/:token/callback": open((call) => {
    const { core } = call;
    const interaction = pending(call);
    const { type, data } = call.body;
    const callback = typeof type === "number" ? CALLBACKS[type] : undefined;
    if (callback === undefined || !callback.to.includes(interaction.type))
      throw invalidForm(["type", "BASE_TYPE_CHOICES", "Value is not a type of answer to this interaction."]);
    const given = isWire(data) ? data : {};
    const message = carryOut(call, interaction, callback.how, given);
    interaction.acknowledged = callback.how;
    if (message !== undefined) interaction.originalId = message.id;
    core.log.append({
      kind: "acknowledge",
      channel: interaction.channelId,
      by: "app",
      actor: core.application(interaction.applicationId).botUserId,
      applicationId: interaction.applicationId,
      requestId: call.requestId,
      detail: { interaction: interaction.id, how: callback.how, afterMs: core.nowMs() - interaction.createdAt },
    });
    core.acknowledged.get(interaction.id)?.(interaction, given);
    if (call.query.get("with_response") !== "true") return NO_CONTENT;
    return new Answer(200, responseWire(core, interaction, callback.how, message));
  }),
};

function carryOut(call: Call, interaction: Interaction, how: Acknowledgement, data: Wire): Message | undefined {
  const { core } = call;
  const with_ = { files: call.files, requestId: call.requestId };
  switch (how) {
    case "message":
      return answer(core, interaction, data, with_);
    case "deferred_message":
      return answer(core, interaction, data, { ...with_, loading: true });
    case "update": {
      const pressed = pressedMessage(core, interaction);
      const change = messageContent(core.world, data, call.files, pressed);
      const { flags = pressed.flags, ...rest } = change;
      replaceAnswer(
        core,
        ownerOf(core, pressed) ?? interaction,
        pressed,
        { ...rest, flags },
        { requestId: call.requestId },
      );
      return pressed;
    }
    case "deferred_update":
      return pressedMessage(core, interaction);
    case "modal":
      checkModal(data);
      return undefined;
    case "choices":
      return undefined;
  }
}

/** The interaction if it still waits for its first answer. */
function pending(call: Call): Interaction {
  const { core } = call;
  const interaction = core.world.interactions.get(idParam(call, "interaction"));
  if (interaction === undefined || interaction.token !== param(call, "token")) throw refused(10062);
  if (interaction.acknowledged !== undefined) throw refused(40060);
  if (core.nowMs() - interaction.createdAt > core.options.acknowledgeMs) throw refused(10062);
  return interaction;
}

function pressedMessage(core: Core, interaction: Interaction): Message {
  const { messageId = "" } = interaction;
  const owner = [...core.world.interactions.values()].find((one) => one.ephemeral.has(messageId));
  const message = owner?.ephemeral.get(messageId) ?? core.channel(interaction.channelId).byId.get(messageId);
  if (message === undefined || message.deleted) throw refused(10008);
  return message;
}

/** Whose hidden answer it is, when it is one. */
function ownerOf(core: Core, message: Message): Interaction | undefined {
  return [...core.world.interactions.values()].find((one) => one.ephemeral.has(message.id));
}

function checkModal(data: Wire): void {
  const { custom_id: id, title, components } = data;
  if (typeof id !== "string" || id.length < 1 || id.length > 100) throw missing("data.custom_id");
  if (typeof title !== "string" || title.length < 1) throw missing("data.title");
  if (title.length > 45) throw tooLong("data.title", 45);
  if (!Array.isArray(components) || components.length < 1 || components.length > 5)
    throw invalidForm(["data.components", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5 in length."]);
}

function responseWire(core: Core, interaction: Interaction, how: Acknowledgement, message: Message | undefined): Wire {
  const types: Readonly<Record<Acknowledgement, number>> = {
    message: 4,
    deferred_message: 5,
    deferred_update: 6,
    update: 7,
    choices: 8,
    modal: 9,
  };
  const flags = message?.flags ?? 0;
  return {
    interaction: {
      id: interaction.id,
      type: interaction.type,
      ...(message === undefined
        ? {}
        : {
            response_message_id: message.id,
            response_message_loading: (flags & MESSAGE_FLAGS.LOADING) !== 0,
            response_message_ephemeral: (flags & MESSAGE_FLAGS.EPHEMERAL) !== 0,
          }),
    },
    resource: { type: types[how], ...(message === undefined ? {} : { message: messageWire(core, message) }) },
  };
}
