import type { Core } from "../core.ts";
import { childrenOf, isWire } from "../model/markup.ts";
import { channelPermissions } from "../model/permissions.ts";
import type { Acknowledgement, Application, Channel, Interaction, Message, Wire } from "../model/records.ts";
import { channelWire, fullMemberWire, messageWire, userWire } from "../model/wire.ts";

/** What came of a command, a press or a form within the time that Discord waits. */
export interface InteractionOutcome {
  readonly interactionId: string;
  readonly acknowledged: boolean;
  readonly how?: Acknowledgement;
  /** What the first answer carried: a message, a modal, choices. */
  readonly data?: Wire;
}

interface Given {
  readonly type: number;
  readonly userId: string;
  readonly channelId: string;
  readonly application: Application;
  readonly data: Wire;
  readonly name?: string;
  readonly message?: Message;
}

const COMMAND = 2;
const COMPONENT = 3;
const AUTOCOMPLETE = 4;
const MODAL_SUBMIT = 5;
const SUBCOMMAND = 1;
const OPTION_TYPES = { string: 3, integer: 4, boolean: 5, number: 10 } as const;

/** What people do beyond writing: commands, buttons, menus, forms. Resolves with the first answer, or when Discord has waited long enough. */
export class Gestures {
  readonly #core: Core;
  readonly #modals = new Map<string, { interaction: Interaction; modal: Wire }>();

  constructor(core: Core) {
    this.#core = core;
  }

  /** `/name`, or `/name subcommand`, with its options; the command must have been registered. */
  slash(
    userId: string,
    channelId: string,
    command: string,
    options: Readonly<Record<string, string | number | boolean>> = {},
    applicationId?: string,
  ): Promise<InteractionOutcome> {
    const [name = "", sub] = command.split(" ");
    const { application, registered } = this.#command(channelId, name, applicationId);
    const given = Object.entries(options).map(([key, value]) => ({ name: key, type: optionType(value), value }));
    return this.#invoke({
      type: COMMAND,
      userId,
      channelId,
      application,
      name,
      data: {
        id: registered["id"],
        name,
        type: 1,
        ...(registered["guild_id"] === undefined ? {} : { guild_id: registered["guild_id"] }),
        options: sub === undefined ? given : [{ name: sub, type: SUBCOMMAND, options: given }],
      },
    });
  }

  /** Asks for the choices of an option while it is typed. */
  autocomplete(
    userId: string,
    channelId: string,
    command: string,
    option: { name: string; value: string },
    applicationId?: string,
  ): Promise<InteractionOutcome> {
    const [name = "", sub] = command.split(" ");
    const { application, registered } = this.#command(channelId, name, applicationId);
    const given = [{ ...option, type: OPTION_TYPES.string, focused: true }];
    const options = sub === undefined ? given : [{ name: sub, type: SUBCOMMAND, options: given }];
    const data = { id: registered["id"], name, type: 1, options };
    return this.#invoke({ type: AUTOCOMPLETE, userId, channelId, application, name, data });
  }

  /** Presses the button with this custom_id or label, or chooses in the menu with it. */
  press(
    userId: string,
    at: { channel: string; message: string },
    button: string,
    values?: readonly string[],
  ): Promise<InteractionOutcome> {
    const message = this.#visible(userId, at);
    const component = find(message.components, (one) => one["custom_id"] === button || one["label"] === button);
    if (component === undefined) throw new Error(`no ${button} on ${at.message}`);
    if (component["disabled"] === true) throw new Error(`${button} is disabled`);
    return this.#invoke({
      type: COMPONENT,
      userId,
      channelId: at.channel,
      application: this.#ownerOf(message),
      message,
      data: {
        custom_id: component["custom_id"],
        component_type: component["type"],
        id: 1,
        ...(values === undefined ? {} : { values }),
      },
    });
  }

  /** Sends off the form that this interaction opened, each field by its custom_id. */
  submitModal(interactionId: string, fields: Readonly<Record<string, string>>): Promise<InteractionOutcome> {
    const opened = this.#modals.get(interactionId);
    if (opened === undefined) throw new Error(`${interactionId} opened no form`);
    this.#modals.delete(interactionId);
    const { interaction, modal } = opened;
    const message =
      interaction.messageId === undefined
        ? undefined
        : this.#core.channel(interaction.channelId).byId.get(interaction.messageId);
    return this.#invoke({
      type: MODAL_SUBMIT,
      userId: interaction.userId,
      channelId: interaction.channelId,
      application: this.#core.application(interaction.applicationId),
      ...(message === undefined ? {} : { message }),
      data: { custom_id: modal["custom_id"], components: filledIn(listOf(modal["components"]), fields) },
    });
  }

  #invoke(given: Given): Promise<InteractionOutcome> {
    const { world, options } = this.#core;
    const channel = this.#core.channel(given.channelId);
    const interaction: Interaction = {
      id: world.newId(),
      token: world.newSecret(160),
      applicationId: given.application.id,
      type: given.type,
      userId: given.userId,
      channelId: channel.id,
      guildId: channel.guildId,
      ...(given.name === undefined ? {} : { name: given.name }),
      ...(given.message === undefined ? {} : { messageId: given.message.id }),
      createdAt: this.#core.nowMs(),
      acknowledged: undefined,
      ephemeral: new Map(),
    };
    world.interactions.set(interaction.id, interaction);
    this.#core.log.append({
      kind: "interaction",
      ...(channel.guildId === undefined ? {} : { guild: channel.guildId }),
      channel: channel.id,
      by: "person",
      actor: given.userId,
      detail: { interaction: interaction.id, type: given.type, name: given.name },
    });
    const outcome = this.#wait(interaction, options.acknowledgeMs);
    const payload = interactionWire(this.#core, interaction, given, channel);
    this.#core.events.toApplication(given.application.id, channel.guildId, {
      type: "INTERACTION_CREATE",
      intents: 0,
      data: () => payload,
    });
    return outcome;
  }

  #wait(interaction: Interaction, waitMs: number): Promise<InteractionOutcome> {
    const { acknowledged } = this.#core;
    return new Promise((resolve) => {
      const settle = (outcome: InteractionOutcome): void => {
        clearTimeout(timer);
        acknowledged.delete(interaction.id);
        resolve(outcome);
      };
      const timer = setTimeout(() => settle({ interactionId: interaction.id, acknowledged: false }), waitMs);
      acknowledged.set(interaction.id, (_interaction, data) => {
        const how = interaction.acknowledged;
        const carried = isWire(data) ? data : {};
        if (how === "modal") this.#modals.set(interaction.id, { interaction, modal: carried });
        settle({
          interactionId: interaction.id,
          acknowledged: true,
          ...(how === undefined ? {} : { how }),
          data: carried,
        });
      });
    });
  }

  #command(channelId: string, name: string, applicationId?: string): { application: Application; registered: Wire } {
    const channel = this.#core.channel(channelId);
    for (const application of this.#core.world.applications.values()) {
      if (applicationId !== undefined && application.id !== applicationId) continue;
      const there = [
        ...(application.commands.get(channel.guildId ?? "") ?? []),
        ...(application.commands.get("global") ?? []),
      ];
      const registered = there.find((command) => command["name"] === name);
      if (registered !== undefined) return { application, registered };
    }
    throw new Error(`no app has registered /${name} for ${channelId}`);
  }

  /** A message that this person sees: in the channel, or an answer for their eyes alone. */
  #visible(userId: string, at: { channel: string; message: string }): Message {
    for (const interaction of this.#core.world.interactions.values()) {
      const hidden = interaction.userId === userId ? interaction.ephemeral.get(at.message) : undefined;
      if (hidden !== undefined && !hidden.deleted) return hidden;
    }
    return this.#core.world.needMessage(at.channel, at.message);
  }

  #ownerOf(message: Message): Application {
    const id = message.applicationId ?? this.#core.world.users.get(message.authorId)?.applicationId;
    if (id === undefined) throw new Error(`${message.id} is no app's message`);
    return this.#core.application(id);
  }
}

function interactionWire(core: Core, interaction: Interaction, given: Given, channel: Channel): Wire {
  const { userId, application, message } = given;
  const { guildId } = channel;
  const guild = guildId === undefined ? undefined : core.guild(guildId);
  const member = guild?.members.get(userId);
  const appBits = channelPermissions(core.world, channel, application.botUserId);
  const userBits = channelPermissions(core.world, channel, userId);
  return {
    id: interaction.id,
    application_id: application.id,
    type: given.type,
    token: interaction.token,
    version: 1,
    data: given.data,
    channel_id: channel.id,
    channel: { ...channelWire(core, channel, application.botUserId), permissions: String(userBits) },
    app_permissions: String(appBits),
    locale: "en-US",
    entitlements: [],
    authorizing_integration_owners: { "0": guildId ?? application.id },
    context: guildId === undefined ? 1 : 0,
    attachment_size_limit: 10 * 1024 * 1024,
    ...(guild === undefined || member === undefined
      ? { user: userWire(core.user(userId)) }
      : {
          guild_id: guild.id,
          guild: { id: guild.id, locale: "en-US", features: [] },
          guild_locale: "en-US",
          member: { ...fullMemberWire(core, guild, member), permissions: String(userBits) },
        }),
    // The app may read the message that it wrote itself, whatever its intents.
    ...(message === undefined ? {} : { message: messageWire(core, message) }),
  };
}

function optionType(value: string | number | boolean): number {
  if (typeof value === "string") return OPTION_TYPES.string;
  if (typeof value === "boolean") return OPTION_TYPES.boolean;
  return Number.isInteger(value) ? OPTION_TYPES.integer : OPTION_TYPES.number;
}

function find(components: readonly Wire[], wanted: (component: Wire) => boolean): Wire | undefined {
  for (const component of components) {
    const found = wanted(component) ? component : find(childrenOf(component), wanted);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The form's components with what was typed into them, in the order in which they stand. */
function filledIn(components: readonly Wire[], fields: Readonly<Record<string, string>>): Wire[] {
  return components.map((component, index) => {
    const { type, custom_id: id, components: inner, component: labelled } = component;
    const at = { type, id: index + 1 };
    if (Array.isArray(inner)) return { ...at, components: filledIn(listOf(inner), fields) };
    if (isWire(labelled)) return { ...at, component: filledIn([labelled], fields)[0] };
    if (typeof id !== "string") return at;
    const value = fields[id] ?? "";
    return type === 4 ? { ...at, custom_id: id, value } : { ...at, custom_id: id, values: value === "" ? [] : [value] };
  });
}

function listOf(value: unknown): Wire[] {
  return Array.isArray(value) ? value.filter(isWire) : [];
}
