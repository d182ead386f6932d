import type { Core } from "../core.ts";
import { PERMISSIONS, type PermissionName, permissionBits } from "../model/bits.ts";
import { channelPermissions } from "../model/permissions.ts";
import type { Application, Channel, Guild, Message, User, Wire } from "../model/records.ts";
import { isSnowflake } from "../model/snowflake.ts";
import { invalidForm, refused, unauthorized } from "./api-error.ts";
import type { UploadedFile } from "./body.ts";

/** One REST call, authenticated as far as it brought a token. */
export interface Call {
  readonly core: Core;
  readonly requestId: number;
  /** The named parts of the path. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly body: Wire;
  /** The body where it may be a list. */
  readonly json: unknown;
  readonly files: readonly UploadedFile[];
  readonly application: Application | undefined;
  readonly reason: string | undefined;
}

/** A call of a bot. */
export interface BotCall extends Call {
  readonly application: Application;
  readonly bot: User;
}

/** An answer with another status than 200; without a body 204. */
export class Answer {
  readonly status: number;
  readonly body: unknown;

  constructor(status: number, body?: unknown) {
    this.status = status;
    this.body = body;
  }
}

export const NO_CONTENT: Answer = new Answer(204);

export type Handler = { readonly open: boolean; readonly run: (call: Call) => unknown };

/** A route that needs no token: the address itself is the secret. */
export function open(run: (call: Call) => unknown): Handler {
  return { open: true, run };
}

/** A route for bots. */
export function asBot(run: (call: BotCall) => unknown): Handler {
  return {
    open: false,
    run: (call) => {
      const { application } = call;
      if (application === undefined) throw unauthorized();
      return run({ ...call, application, bot: call.core.user(application.botUserId) });
    },
  };
}

export function param(call: Call, name: string): string {
  const value = call.params[name];
  if (value === undefined) throw new Error(`the route has no ${name}`);
  return value;
}

/** An id of the path; anything else is refused as Discord does. */
export function idParam(call: Call, name: string): string {
  const value = param(call, name);
  if (!isSnowflake(value))
    throw invalidForm([`${name}_id`, "NUMBER_TYPE_COERCE", `Value "${value}" is not snowflake.`]);
  return value;
}

/** The channel of the path, seen with the eyes of the bot: 10003 when there is none, 50001 when it is hidden. */
export function channelOf(call: BotCall, ...needed: readonly PermissionName[]): Channel {
  return channelById(call, idParam(call, "channel"), ...needed);
}

export function channelById(call: BotCall, id: string, ...needed: readonly PermissionName[]): Channel {
  const { core, bot } = call;
  const channel = core.world.channels.get(id);
  if (channel === undefined || channel.deleted) throw refused(10003);
  if (channel.guildId !== undefined && !core.guild(channel.guildId).available) throw refused(50001);
  const bits = channelPermissions(core.world, channel, bot.id);
  if ((bits & PERMISSIONS.VIEW_CHANNEL) === 0n) throw refused(50001);
  const wanted = permissionBits(...needed);
  if ((bits & wanted) !== wanted) throw refused(50013);
  return channel;
}

export function messageOf(call: BotCall, channel: Channel): Message {
  const message = channel.byId.get(idParam(call, "message"));
  if (message === undefined || message.deleted) throw refused(10008);
  return message;
}

/** A guild that the bot is in: 50001 otherwise, as Discord does not tell strangers which guilds there are. */
export function guildOf(call: BotCall): Guild {
  const guild = call.core.world.guilds.get(idParam(call, "guild"));
  if (guild === undefined) throw refused(10004);
  if (!guild.members.has(call.bot.id) || !guild.available) throw refused(50001);
  return guild;
}

/** A page size between 1 and `max`. */
export function pageSize(call: Call, byDefault: number, max: number): number {
  const given = call.query.get("limit");
  if (given === null) return byDefault;
  const value = Number(given);
  if (!Number.isInteger(value) || value < 1 || value > max)
    throw invalidForm(["limit", "NUMBER_TYPE_MAX", `int value should be between 1 and ${max}.`]);
  return value;
}

export function textField(body: Wire, name: string): string | undefined {
  const value = body[name];
  return typeof value === "string" ? value : undefined;
}
