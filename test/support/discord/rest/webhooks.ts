import type { Core } from "../core.ts";
import { addWebhook, removeWebhook, tellWebhooks } from "../effects/guilds.ts";
import { deleteMessage, editMessage, type MessageContent, postMessage } from "../effects/messages.ts";
import { createThread } from "../effects/threads.ts";
import { CHANNEL_TYPES, MESSAGE_FLAGS, PERMISSIONS } from "../model/bits.ts";
import { guildPermissions } from "../model/permissions.ts";
import type { Channel, Message, Webhook, Wire } from "../model/records.ts";
import { isSnowflake } from "../model/snowflake.ts";
import { messageWire, webhookWire } from "../model/wire.ts";
import { invalidForm, missing, refused, tooLong } from "./api-error.ts";
import {
  asBot,
  type BotCall,
  type Call,
  channelOf,
  guildOf,
  type Handler,
  idParam,
  NO_CONTENT,
  open,
  param,
  textField,
} from "./call.ts";
import type { FollowUps } from "./follow-ups.ts";
import { messageContent } from "./message-body.ts";

const MAX_PER_CHANNEL = 15;
const MAX_NAME_CHARS = 80;
/** Components that do something when they are pressed; a link opens a page and so does not. */
const INTERACTIVE: readonly number[] = [2, 3, 5, 6, 7, 8];
const LINK_STYLE = 5;

/** Webhooks of channels; the same addresses with an application's id are the follow-ups of its interactions. */
export function webhookRoutes(followUps: FollowUps): Record<string, Handler> {
  return {
    "POST /channels/:channel/webhooks": asBot(create),
    "GET /channels/:channel/webhooks": asBot((call) => {
      const channel = channelOf(call, "MANAGE_WEBHOOKS");
      return webhooksIn(call, (webhook) => webhook.channelId === channel.id);
    }),
    "GET /guilds/:guild/webhooks": asBot((call) => {
      const guild = guildOf(call);
      const member = guild.members.get(call.bot.id);
      if (member === undefined || (guildPermissions(guild, member) & PERMISSIONS.MANAGE_WEBHOOKS) === 0n)
        throw refused(50013);
      return webhooksIn(call, (webhook) => webhook.guildId === guild.id);
    }),
    "GET /webhooks/:webhook": asBot((call) => shownTo(call, managed(call))),
    "PATCH /webhooks/:webhook": asBot((call) => {
      const webhook = managed(call);
      webhook.name = nameOf(call.body) ?? webhook.name;
      tellWebhooks(call.core, call.core.channel(webhook.channelId));
      return shownTo(call, webhook);
    }),
    "DELETE /webhooks/:webhook": asBot((call) => {
      removeWebhook(call.core, managed(call));
      return NO_CONTENT;
    }),
    "GET /webhooks/:webhook/:token": open((call) => webhookWire(call.core, secret(call), false)),
    "DELETE /webhooks/:webhook/:token": open((call) => {
      removeWebhook(call.core, secret(call));
      return NO_CONTENT;
    }),
    "POST /webhooks/:webhook/:token": open((call) => (isApp(call) ? followUps.create(call) : execute(call))),
    "GET /webhooks/:webhook/:token/messages/:message": open((call) => {
      if (isApp(call)) return followUps.read(call);
      const { message } = written(call);
      return messageWire(call.core, message);
    }),
    "PATCH /webhooks/:webhook/:token/messages/:message": open((call) => {
      if (isApp(call)) return followUps.edit(call);
      const { webhook, channel, message } = written(call);
      if (channel.thread?.archived === true) throw refused(50083);
      const change = withoutForeignButtons(
        call,
        webhook,
        messageContent(call.core.world, call.body, call.files, message),
      );
      editMessage(call.core, channel, message, { ...change, requestId: call.requestId });
      return messageWire(call.core, message);
    }),
    "DELETE /webhooks/:webhook/:token/messages/:message": open((call) => {
      if (isApp(call)) return followUps.remove(call);
      const { webhook, channel, message } = written(call);
      deleteMessage(call.core, channel, message, { id: webhook.id, by: "webhook" });
      return NO_CONTENT;
    }),
  };
}

function create(call: BotCall): Wire {
  const channel = channelOf(call, "MANAGE_WEBHOOKS");
  if (channel.guildId === undefined) throw refused(50003);
  if (channel.thread !== undefined) throw refused(50024);
  const name = nameOf(call.body);
  if (name === undefined) throw missing("name");
  if (channel.webhooks.size >= MAX_PER_CHANNEL) throw refused(30007);
  const webhook = addWebhook(call.core, channel, {
    name,
    avatar: null,
    applicationId: call.application.id,
    creatorId: call.bot.id,
  });
  return webhookWire(call.core, webhook);
}

/** Writes as a webhook. A nonce is ignored here: nothing tells two equal calls apart. */
function execute(call: Call): unknown {
  const { core, body, query } = call;
  const webhook = secret(call);
  const said = withoutForeignButtons(call, webhook, messageContent(core.world, body, call.files));
  if (((said.flags ?? 0) & MESSAGE_FLAGS.EPHEMERAL) !== 0)
    throw invalidForm(["flags", "NUMBER_TYPE_COERCE", "EPHEMERAL is for answers to interactions."]);
  const name = textField(body, "username");
  if (name !== undefined) checkName("username", name);
  const channel = placeOf(call, webhook);
  if (channel.thread?.locked === true) throw refused(160005);
  const message = postMessage(core, channel, {
    ...said,
    authorId: webhook.id,
    webhook: { id: webhook.id, name: name ?? webhook.name, avatar: textField(body, "avatar_url") ?? webhook.avatar },
    ...(webhook.applicationId === null ? {} : { applicationId: webhook.applicationId }),
    ...(channel.messages.length === 0 && channel.thread !== undefined && textField(body, "thread_name") !== undefined
      ? { id: channel.id }
      : {}),
    requestId: call.requestId,
  });
  return query.get("wait") === "true" ? messageWire(core, message) : NO_CONTENT;
}

/** The webhook's own channel, one of its threads, or a new post of its forum. */
function placeOf(call: Call, webhook: Webhook): Channel {
  const { core, body, query } = call;
  const channel = core.channel(webhook.channelId);
  if (channel.deleted) throw refused(10015);
  const threadId = query.get("thread_id");
  if (threadId !== null) {
    if (!isSnowflake(threadId))
      throw invalidForm(["thread_id", "NUMBER_TYPE_COERCE", `Value "${threadId}" is not snowflake.`]);
    const thread = core.world.channels.get(threadId);
    if (thread === undefined || thread.deleted || thread.parentId !== channel.id) throw refused(10003);
    return thread;
  }
  if (channel.type !== CHANNEL_TYPES.GUILD_FORUM) return channel;
  const title = textField(body, "thread_name");
  if (title === undefined) throw refused(220001);
  return createThread(core, channel, {
    name: title,
    creatorId: webhook.creatorId,
    type: CHANNEL_TYPES.PUBLIC_THREAD,
    by: "webhook",
  });
}

/** Webhooks that no app owns drop components unless asked for, and take none that can be pressed. */
function withoutForeignButtons(call: Call, webhook: Webhook, said: MessageContent): MessageContent {
  const { components } = said;
  if (webhook.applicationId !== null || components === undefined) return said;
  if (call.query.get("with_components") !== "true") {
    const { components: _dropped, ...rest } = said;
    return rest;
  }
  const pressable = (one: Wire): boolean =>
    (INTERACTIVE.includes(Number(one["type"])) && one["style"] !== LINK_STYLE) ||
    (Array.isArray(one["components"]) && one["components"].some(pressable));
  if (components.some(pressable))
    throw invalidForm([
      "components",
      "COMPONENT_INTERACTIVE_NOT_ALLOWED",
      "Only apps may send interactive components.",
    ]);
  return said;
}

function nameOf(body: Wire): string | undefined {
  const name = textField(body, "name");
  if (name !== undefined) checkName("name", name);
  return name;
}

function checkName(path: string, name: string): void {
  const length = name.trim().length;
  if (length < 1 || length > MAX_NAME_CHARS) throw tooLong(path, MAX_NAME_CHARS);
  for (const word of ["clyde", "discord"])
    if (name.toLowerCase().includes(word))
      throw invalidForm([path, "USERNAME_INVALID_CONTAINS", `Username cannot contain "${word}"`]);
}

function secret(call: Call): Webhook {
  const webhook = call.core.world.webhooks.get(idParam(call, "webhook"));
  if (webhook === undefined) throw refused(10015);
  if (webhook.token !== param(call, "token")) throw refused(50027);
  return webhook;
}

function managed(call: BotCall): Webhook {
  const webhook = call.core.world.webhooks.get(idParam(call, "webhook"));
  if (webhook === undefined) throw refused(10015);
  const guild = call.core.guild(webhook.guildId);
  const member = guild.members.get(call.bot.id);
  const bits = member === undefined ? 0n : guildPermissions(guild, member);
  if ((bits & PERMISSIONS.MANAGE_WEBHOOKS) === 0n) throw refused(50013);
  return webhook;
}

/** The token of a webhook is shown to the app that made it alone. */
function shownTo(call: BotCall, webhook: Webhook): Wire {
  const { token, url, ...rest } = webhookWire(call.core, webhook);
  return webhook.applicationId === call.application.id ? { ...rest, token, url } : rest;
}

function webhooksIn(call: BotCall, wanted: (webhook: Webhook) => boolean): Wire[] {
  return [...call.core.world.webhooks.values()].filter(wanted).map((webhook) => shownTo(call, webhook));
}

/** A message that this very webhook wrote; one in a thread is found with its thread_id alone. */
function written(call: Call): { webhook: Webhook; channel: Channel; message: Message } {
  const webhook = secret(call);
  const channel = call.core.world.channels.get(call.query.get("thread_id") ?? webhook.channelId);
  const message = channel?.byId.get(idParam(call, "message"));
  if (channel === undefined || message === undefined || message.deleted || message.webhook?.id !== webhook.id)
    throw refused(10008);
  return { webhook, channel, message };
}

function isApp(call: Call): boolean {
  return isApplication(call.core, param(call, "webhook"));
}

function isApplication(core: Core, id: string): boolean {
  return core.world.applications.has(id);
}
