import { deleteChannel, syncThreads, tellChannel } from "../effects/guilds.ts";
import { deleteThread, updateThread } from "../effects/threads.ts";
import { PERMISSIONS } from "../model/bits.ts";
import { isWire } from "../model/markup.ts";
import { channelPermissions, may } from "../model/permissions.ts";
import type { Channel, Overwrite, Wire } from "../model/records.ts";
import { channelWire } from "../model/wire.ts";
import { invalidForm, refused } from "./api-error.ts";
import { asBot, type BotCall, channelOf, type Handler, idParam, NO_CONTENT, textField } from "./call.ts";

const ARCHIVE_MINUTES: readonly number[] = [60, 1_440, 4_320, 10_080];

export const channelRoutes: Readonly<Record<string, Handler>> = {
  "GET /channels/:channel": asBot((call) => channelWire(call.core, channelOf(call), call.bot.id)),
  "PATCH /channels/:channel": asBot((call) => {
    const channel = channelOf(call);
    if (channel.thread === undefined) change(call, channel);
    else changeThread(call, channel);
    return channelWire(call.core, channel, call.bot.id);
  }),
  "DELETE /channels/:channel": asBot((call) => {
    const channel = channelOf(call);
    const wire = channelWire(call.core, channel, call.bot.id);
    if (channel.guildId === undefined) return wire;
    channelOf(call, channel.thread === undefined ? "MANAGE_CHANNELS" : "MANAGE_THREADS");
    if (channel.thread === undefined) deleteChannel(call.core, channel, call.bot.id);
    else deleteThread(call.core, channel, call.bot.id);
    return wire;
  }),
  "PUT /channels/:channel/permissions/:overwrite": asBot((call) => {
    const channel = channelOf(call, "MANAGE_ROLES");
    const [overwrite] = readOverwrites([{ ...call.body, id: idParam(call, "overwrite") }]);
    if (overwrite !== undefined) changeOverwrites(call, channel, () => channel.overwrites.set(overwrite.id, overwrite));
    return NO_CONTENT;
  }),
  "DELETE /channels/:channel/permissions/:overwrite": asBot((call) => {
    const channel = channelOf(call, "MANAGE_ROLES");
    changeOverwrites(call, channel, () => channel.overwrites.delete(idParam(call, "overwrite")));
    return NO_CONTENT;
  }),
};

export function readOverwrites(given: unknown): Overwrite[] {
  if (!Array.isArray(given)) return [];
  return given.filter(isWire).map((one) => ({
    id: String(one["id"]),
    type: one["type"] === 1 ? "member" : "role",
    allow: bitsOf(one["allow"]),
    deny: bitsOf(one["deny"]),
  }));
}

/** Minutes until a thread goes to sleep; others are refused. */
export function archiveMinutes(body: Wire): number | undefined {
  const minutes = body["auto_archive_duration"];
  if (minutes === undefined || minutes === null) return undefined;
  if (typeof minutes !== "number" || !ARCHIVE_MINUTES.includes(minutes))
    throw invalidForm(["auto_archive_duration", "BASE_TYPE_CHOICES", "Value must be one of (60, 1440, 4320, 10080)."]);
  return minutes;
}

function change(call: BotCall, channel: Channel): void {
  if (channel.guildId === undefined) throw refused(50003);
  channelOf(call, "MANAGE_CHANNELS");
  const { body } = call;
  channel.name = textField(body, "name") ?? channel.name;
  if (body["topic"] !== undefined) channel.topic = textField(body, "topic") ?? null;
  if (body["parent_id"] !== undefined) channel.parentId = textField(body, "parent_id") ?? null;
  if (Array.isArray(body["permission_overwrites"])) {
    channel.overwrites.clear();
    for (const one of readOverwrites(body["permission_overwrites"])) channel.overwrites.set(one.id, one);
  }
  tellChannel(call.core, channel, "UPDATE");
}

/** An archived thread takes nothing but being brought back; who may lock it is another than who may archive it. */
function changeThread(call: BotCall, channel: Channel): void {
  const { core, bot, body } = call;
  const { thread } = channel;
  if (thread === undefined) throw refused(50024);
  const bits = channelPermissions(core.world, channel, bot.id);
  const manages = (bits & PERMISSIONS.MANAGE_THREADS) !== 0n;
  const { archived, locked, invitable, applied_tags: tags } = body;
  const others = Object.keys(body).some((key) => !["archived", "locked"].includes(key));
  if (thread.archived && archived !== false && others) throw refused(50083);
  if (thread.locked && !manages) throw refused(50013);
  if (locked !== undefined && !manages) throw refused(50013);
  if (!manages && thread.ownerId !== bot.id && (bits & PERMISSIONS.SEND_MESSAGES) === 0n) throw refused(50013);
  const name = textField(body, "name");
  const minutes = archiveMinutes(body);
  updateThread(
    core,
    channel,
    {
      ...(name === undefined ? {} : { name }),
      ...(typeof archived === "boolean" ? { archived } : {}),
      ...(typeof locked === "boolean" ? { locked } : {}),
      ...(typeof invitable === "boolean" ? { invitable } : {}),
      ...(minutes === undefined ? {} : { autoArchiveMinutes: minutes }),
      ...(Array.isArray(tags) ? { appliedTags: tags.map(String) } : {}),
    },
    bot.id,
  );
}

function changeOverwrites(call: BotCall, channel: Channel, change: () => void): void {
  const { world } = call.core;
  const before = new Set(
    [...world.applications.values()]
      .filter(({ botUserId }) => may(world, channel, botUserId, "VIEW_CHANNEL"))
      .map(({ botUserId }) => botUserId),
  );
  change();
  tellChannel(call.core, channel, "UPDATE");
  syncThreads(call.core, channel, (id) => !before.has(id) && may(world, channel, id, "VIEW_CHANNEL"));
}

function bitsOf(value: unknown): bigint {
  return typeof value === "string" || typeof value === "number" ? BigInt(value) : 0n;
}
