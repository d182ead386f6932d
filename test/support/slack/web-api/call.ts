import type { Core } from "../core.ts";
import type { App, Channel, Installation, Message, Team, User, Wire } from "../model/records.ts";
import { isTs } from "../model/timestamps.ts";
import { ApiError } from "./api-error.ts";
import type { Arguments } from "./arguments.ts";

/** A Web API call by a bot token, after authentication. */
export interface BotCall {
  readonly core: Core;
  readonly method: string;
  readonly requestId: number;
  readonly args: Arguments;
  readonly app: App;
  readonly installation: Installation;
  readonly team: Team;
}

/** A call that needs no bot token: OAuth with client credentials, or an app-level token. */
export interface OpenCall {
  readonly core: Core;
  readonly method: string;
  readonly requestId: number;
  readonly args: Arguments;
  readonly token: string | undefined;
  readonly basicAuth: { user: string; password: string } | undefined;
}

export type Handler =
  | {
      readonly auth: "bot";
      /** Scopes of which one suffices; none = any bot token. */
      readonly scopes: readonly string[];
      readonly run: (call: BotCall) => Wire;
    }
  | { readonly auth: "open"; readonly run: (call: OpenCall) => Wire };

export function hasScope(call: BotCall, scope: string): boolean {
  return call.installation.scopes.includes(scope);
}

export function needScope(call: BotCall, scope: string): void {
  if (!hasScope(call, scope)) {
    throw new ApiError("missing_scope", { needed: scope, provided: call.installation.scopes.join(",") });
  }
}

/** The conversation kinds as scopes name them. */
export function scopeFamily(channel: Channel): "channels" | "groups" | "im" | "mpim" {
  if (channel.kind === "public") return "channels";
  return channel.kind === "private" ? "groups" : channel.kind;
}

/** A channel that the bot may know of: what it cannot see does not exist for it. */
export function visibleChannel(call: BotCall, id: string): Channel {
  const byName = id.startsWith("#") ? id.slice(1) : undefined;
  const channel =
    byName === undefined
      ? call.core.world.channels.get(id)
      : call.core.world.channelsOf(call.team.id).find((one) => one.name === byName);
  if (channel === undefined || channel.teamId !== call.team.id) throw new ApiError("channel_not_found");
  if (channel.kind !== "public" && !channel.members.has(call.installation.botUserId)) {
    throw new ApiError("channel_not_found");
  }
  return channel;
}

/** A channel that the bot is in. */
export function memberChannel(call: BotCall, id: string): Channel {
  const channel = visibleChannel(call, id);
  if (!channel.members.has(call.installation.botUserId)) throw new ApiError("not_in_channel");
  return channel;
}

export function knownUser(call: BotCall, id: string): User {
  const user = call.core.world.users.get(id);
  // Strangers are people of other workspaces whom a shared channel makes visible here.
  if (user === undefined || (user.teamId !== call.team.id && !user.isStranger)) throw new ApiError("user_not_found");
  return user;
}

export function existingMessage(channel: Channel, ts: string): Message {
  const message = channel.byTs.get(ts);
  if (message === undefined || message.deleted === true) throw new ApiError("message_not_found");
  return message;
}

/** The root of the thread that a thread_ts names; a reply's ts leads to its root. */
export function threadRoot(channel: Channel, threadTs: string): Message {
  if (!isTs(threadTs)) throw new ApiError("invalid_thread_ts");
  const named = channel.byTs.get(threadTs);
  const root = named?.threadTs === undefined ? named : channel.byTs.get(named.threadTs);
  if (root === undefined || (root.deleted === true && root.replies === undefined))
    throw new ApiError("thread_not_found");
  return root;
}

/** One page of a list by numeric cursor, with what goes into response_metadata. */
export function page<T>(items: readonly T[], cursor: string | undefined, limit: number): { items: T[]; next: string } {
  let start = 0;
  if (cursor !== undefined) {
    const match = /^next:(\d+)$/.exec(Buffer.from(cursor, "base64").toString());
    if (match === null) throw new ApiError("invalid_cursor");
    start = Number(match[1]);
  }
  const end = start + limit;
  return { items: items.slice(start, end), next: end < items.length ? cursorAt(end) : "" };
}

export function cursorAt(position: number | string): string {
  return Buffer.from(`next:${position}`).toString("base64");
}
