import { toParleyError } from "../../src/errors/parley-error.ts";
import type { DiscordClient } from "./client.ts";
import {
  type ChannelFacts,
  type Guild,
  type GuildMember,
  readChannel,
  readMember,
  readThread,
  type ThreadFacts,
} from "./guild.ts";
import { asRecord, type Raw } from "./raw.ts";
import { ROUTES } from "./routes.ts";

/** A channel, or a thread with the channel that it is in. */
export interface ReadPlace {
  readonly channel: ChannelFacts;
  readonly thread: ThreadFacts | undefined;
}

/**
 * A conversation's place as Discord tells of it now; undefined when there is none. What the gateway told is left as it is: it tells
 * changes by it.
 */
export async function readPlace(
  client: DiscordClient,
  conversation: { readonly channel: { readonly id: string }; readonly thread?: { readonly id: string } | undefined },
  signal: AbortSignal,
): Promise<ReadPlace | undefined> {
  const { channel, thread } = conversation;
  const opened = thread === undefined ? undefined : readThread(await get(client, thread.id, signal));
  // A thread that is not there yet will be a public one, made from a message of the channel.
  const facts = readChannel(await get(client, opened?.parentId ?? channel.id, signal));
  return facts === undefined ? undefined : { channel: facts, thread: opened };
}

/** A member as Discord tells of them now; undefined when they are not in the guild. */
export async function readGuildMember(
  client: DiscordClient,
  guild: Guild,
  memberId: string,
  signal: AbortSignal,
): Promise<GuildMember | undefined> {
  return readMember(await unlessMissing(client.call({ route: ROUTES.guildMember(guild.id, memberId), signal })));
}

async function get(client: DiscordClient, id: string, signal: AbortSignal): Promise<Raw | undefined> {
  return unlessMissing(client.call({ route: ROUTES.channel(id), signal }));
}

async function unlessMissing(call: Promise<unknown>): Promise<Raw | undefined> {
  try {
    return asRecord(await call);
  } catch (error) {
    if (toParleyError(error).code === "TARGET_NOT_FOUND") return undefined;
    throw error;
  }
}
