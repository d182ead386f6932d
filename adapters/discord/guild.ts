import { BoundedMap } from "../shared/bounded-map.ts";
import type { PersonFacts, Place } from "./inbound-context.ts";
import { personFacts } from "./people.ts";
import { type MemberFacts, type Overwrite, PERMISSION } from "./permissions.ts";
import { asId, asIds, asList, asNumber, asRecord, asString, type Raw } from "./raw.ts";

/** Kinds of channels. https://docs.discord.com/developers/resources/channel#channel-object-channel-types */
const CHANNEL_TYPE = { voice: 2, category: 4, privateThread: 12, stage: 13, forum: 15, media: 16 } as const;
/** Text, voice, announcement, stage, forum and media: where words can be said, in the channel or in its posts. */
const TALK_TYPES = new Set([0, 2, 5, 13, 15, 16]);
const THREAD_TYPES = new Set([10, 11, 12]);

const MAX_MEMBERS = 5_000;
/** How long a looked-up member is believed where no events say what changes. */
const MEMBER_TTL_MS = 60_000;
const DAY_MS = 86_400_000;

export interface RoleFacts {
  readonly id: string;
  readonly name: string;
  readonly permissions: bigint;
  /** The bot that Discord made this role for. */
  readonly botId: string | undefined;
}

export interface ChannelFacts {
  readonly id: string;
  readonly name: string;
  readonly type: number;
  readonly parentId: string | undefined;
  readonly overwrites: readonly Overwrite[];
  readonly lastMessageId: string | undefined;
}

export interface ThreadFacts {
  readonly id: string;
  readonly name: string;
  readonly parentId: string;
  readonly private: boolean;
  readonly archived: boolean;
  readonly lastMessageId: string | undefined;
}

export interface GuildMember extends MemberFacts {
  readonly person: PersonFacts;
}

/** One guild as it is now: roles, channels, threads and the members it heard of. Fed by the gateway, or read from the API. */
export class Guild {
  readonly id: string;
  name: string;
  ownerId: string | undefined;
  readonly roles = new Map<string, RoleFacts>();
  readonly channels = new Map<string, ChannelFacts>();
  readonly threads = new Map<string, ThreadFacts>();
  readonly #members: BoundedMap<string, GuildMember>;
  /** Channels of which the gateway told; what was read from the API may be newer than the events that are still to come. */
  readonly #told = new Set<string>();
  readonly #permanent = new Map<string, GuildMember>();
  readonly #botUserId: string;

  /** `memberEvents` says whether changes of members are heard of; then what is known stays true. */
  constructor(id: string, options: { readonly botUserId: string; readonly memberEvents: boolean }) {
    this.id = id;
    this.name = id;
    this.#botUserId = options.botUserId;
    this.#members = new BoundedMap({ maxEntries: MAX_MEMBERS, ttlMs: options.memberEvents ? DAY_MS : MEMBER_TTL_MS });
  }

  /** Takes a whole guild, as GUILD_CREATE (`told`) or the API gives it. */
  load(guild: Raw, told: boolean): void {
    this.loadHead(guild);
    this.channels.clear();
    this.threads.clear();
    this.#told.clear();
    for (const channel of asList(guild["channels"])) this.putChannel(asRecord(channel));
    if (told) for (const id of this.channels.keys()) this.#told.add(id);
    for (const thread of asList(guild["threads"])) this.putThread(asRecord(thread));
    for (const member of asList(guild["members"])) this.putMember(asRecord(member));
  }

  loadHead(guild: Raw): void {
    this.name = asString(guild["name"])?.slice(0, 256) ?? this.name;
    this.ownerId = asId(guild["owner_id"]) ?? this.ownerId;
    const roles = asList(guild["roles"]);
    if (roles.length === 0) return;
    this.roles.clear();
    for (const role of roles) this.putRole(asRecord(role));
  }

  putRole(role: Raw | undefined): void {
    const id = asId(role?.["id"]);
    if (role === undefined || id === undefined) return;
    this.roles.set(id, {
      id,
      name: asString(role["name"])?.slice(0, 256) ?? id,
      permissions: bits(role["permissions"]),
      botId: asId(asRecord(role["tags"])?.["bot_id"]),
    });
  }

  putChannel(channel: Raw | undefined): ChannelFacts | undefined {
    const facts = readChannel(channel, this.channels.get(asId(channel?.["id"]) ?? ""));
    if (facts !== undefined) this.channels.set(facts.id, facts);
    return facts;
  }

  /** The name that a channel had by the last event; undefined when none told of it yet. */
  nameTold(channelId: string): string | undefined {
    return this.#told.has(channelId) ? this.channels.get(channelId)?.name : undefined;
  }

  /** Takes a channel as an event tells it. */
  tellChannel(channel: Raw): void {
    const facts = this.putChannel(channel);
    if (facts !== undefined) this.#told.add(facts.id);
  }

  putThread(thread: Raw | undefined): ThreadFacts | undefined {
    const facts = readThread(thread, this.threads.get(asId(thread?.["id"]) ?? ""));
    if (facts !== undefined) this.threads.set(facts.id, facts);
    return facts;
  }

  putMember(member: Raw | undefined, user: Raw | undefined = asRecord(member?.["user"])): GuildMember | undefined {
    const facts = readMember(member, user);
    if (facts === undefined) return undefined;
    const { id } = facts;
    // Of the bot's own roles Discord tells without any intent.
    if (id === this.#botUserId) this.#permanent.set(id, facts);
    else this.#members.set(id, facts);
    return facts;
  }

  member(userId: string): GuildMember | undefined {
    return this.#permanent.get(userId) ?? this.#members.get(userId);
  }

  forgetMember(userId: string): void {
    this.#permanent.delete(userId);
    this.#members.delete(userId);
  }

  /** The role that stands for the bot. */
  get botRoleId(): string | undefined {
    for (const role of this.roles.values()) if (role.botId === this.#botUserId) return role.id;
    return undefined;
  }

  /** Channels in which something can be said. */
  talkChannels(): ChannelFacts[] {
    return [...this.channels.values()].filter((channel) => TALK_TYPES.has(channel.type));
  }

  nameOf(channelId: string): string | undefined {
    return this.channels.get(channelId)?.name ?? this.threads.get(channelId)?.name;
  }

  /** The way from the guild to a channel or thread; undefined when it or its parent is not known. */
  place(channelId: string): Place | undefined {
    const thread = this.threads.get(channelId);
    const channel = this.channels.get(thread?.parentId ?? channelId);
    if (channel === undefined) return undefined;
    const category = channel.parentId === undefined ? undefined : this.channels.get(channel.parentId);
    return {
      ...(category === undefined ? {} : { category: { id: category.id, name: category.name } }),
      channel: {
        id: channel.id,
        name: channel.name,
        kind: this.#isOpen(channel) ? "public" : "private",
        external: false,
      },
      ...(thread === undefined ? {} : { thread: { id: thread.id, name: thread.name } }),
    };
  }

  /** Everybody in the guild may see the channel and read back in it, and nothing keeps anybody out. */
  isOpenToAll(channel: ChannelFacts): boolean {
    const needed = neededIn(channel) | PERMISSION.readHistory;
    return (
      this.#isOpen(channel, needed) &&
      channel.overwrites.every((one) => one.id === this.id || (one.deny & needed) === 0n)
    );
  }

  /** Owner, administrators, and whoever manages the guild. */
  isGovernedBy(member: GuildMember): boolean {
    if (this.ownerId === member.id) return true;
    const base = [this.id, ...member.roles].reduce((sum, role) => sum | (this.roles.get(role)?.permissions ?? 0n), 0n);
    return (base & (PERMISSION.administrator | PERMISSION.manageGuild)) !== 0n;
  }

  /** Everybody in the guild may see the channel. */
  #isOpen(channel: ChannelFacts, wanted: bigint = neededIn(channel)): boolean {
    const base = this.roles.get(this.id)?.permissions ?? 0n;
    const own = channel.overwrites.find((one) => one.kind === "role" && one.id === this.id);
    const permissions = (base & ~(own?.deny ?? 0n)) | (own?.allow ?? 0n);
    return (permissions & wanted) === wanted;
  }
}

/** Reads a channel; what the event at hand leaves out is as it was. Undefined for a thread and for what is no channel. */
export function readChannel(channel: Raw | undefined, known?: ChannelFacts): ChannelFacts | undefined {
  const id = asId(channel?.["id"]);
  const type = asNumber(channel?.["type"]);
  if (channel === undefined || id === undefined || type === undefined || THREAD_TYPES.has(type)) return undefined;
  return {
    id,
    type,
    name: asString(channel["name"])?.slice(0, 256) ?? known?.name ?? id,
    parentId: asId(channel["parent_id"]),
    overwrites: Array.isArray(channel["permission_overwrites"])
      ? channel["permission_overwrites"].flatMap((one) => overwriteOf(asRecord(one)) ?? [])
      : (known?.overwrites ?? []),
    lastMessageId: asId(channel["last_message_id"]) ?? known?.lastMessageId,
  };
}

/** Reads a thread; undefined for what is none. */
export function readThread(thread: Raw | undefined, known?: ThreadFacts): ThreadFacts | undefined {
  const id = asId(thread?.["id"]);
  const parentId = asId(thread?.["parent_id"]);
  const type = asNumber(thread?.["type"]) ?? 0;
  if (thread === undefined || id === undefined || parentId === undefined || !THREAD_TYPES.has(type)) return undefined;
  return {
    id,
    parentId,
    name: asString(thread["name"])?.slice(0, 256) ?? known?.name ?? id,
    private: type === CHANNEL_TYPE.privateThread,
    archived: asRecord(thread["thread_metadata"])?.["archived"] === true,
    lastMessageId: asId(thread["last_message_id"]) ?? known?.lastMessageId,
  };
}

/** Reads a member; undefined without roles, for then nothing can be judged. */
export function readMember(
  member: Raw | undefined,
  user: Raw | undefined = asRecord(member?.["user"]),
): GuildMember | undefined {
  const id = asId(user?.["id"]);
  if (member === undefined || user === undefined || id === undefined || !Array.isArray(member["roles"]))
    return undefined;
  const until = Date.parse(asString(member["communication_disabled_until"]) ?? "");
  return {
    id,
    roles: asIds(member["roles"]),
    ...(Number.isNaN(until) ? {} : { timeoutUntilMs: until }),
    person: personFacts(user, member),
  };
}

export function isThreadType(type: unknown): boolean {
  return typeof type === "number" && THREAD_TYPES.has(type);
}

export function isTalkType(type: unknown): boolean {
  return typeof type === "number" && TALK_TYPES.has(type);
}

/** Voice and stage channels. */
export function isVoice(type: number): boolean {
  return type === CHANNEL_TYPE.voice || type === CHANNEL_TYPE.stage;
}

/** Without these a member has nothing of the channel. https://docs.discord.com/developers/topics/permissions#implicit-permissions */
function neededIn({ type }: ChannelFacts): bigint {
  return isVoice(type) ? PERMISSION.viewChannel | PERMISSION.connect : PERMISSION.viewChannel;
}

/** Forums and media channels hold posts and no messages of their own. */
export function holdsOnlyPosts(type: number): boolean {
  return type === CHANNEL_TYPE.forum || type === CHANNEL_TYPE.media;
}

/** Text, announcement, forum and media channels; in those of voices there are no threads. */
export function holdsThreads(type: number): boolean {
  return type === 0 || type === 5 || holdsOnlyPosts(type);
}

function overwriteOf(raw: Raw | undefined): Overwrite | undefined {
  const id = asId(raw?.["id"]);
  if (raw === undefined || id === undefined) return undefined;
  return { id, kind: raw["type"] === 1 ? "member" : "role", allow: bits(raw["allow"]), deny: bits(raw["deny"]) };
}

/** Permissions come as decimal digits; what is unreadable allows nothing. */
function bits(value: unknown): bigint {
  return typeof value === "string" && /^\d{1,20}$/u.test(value) ? BigInt(value) : 0n;
}
