import type { Core } from "../core.ts";
import { addChannel, addMember, tellRole } from "../effects/guilds.ts";
import {
  ALL_PERMISSIONS,
  CHANNEL_TYPES,
  type PermissionName,
  type PrivilegedIntent,
  permissionBits,
} from "../model/bits.ts";
import type { Application, Guild, Overwrite, Role } from "../model/records.ts";

/** What everybody may do in a new guild. */
const EVERYONE: readonly PermissionName[] = [
  "ADD_REACTIONS",
  "VIEW_CHANNEL",
  "SEND_MESSAGES",
  "EMBED_LINKS",
  "ATTACH_FILES",
  "READ_MESSAGE_HISTORY",
  "CONNECT",
  "USE_APPLICATION_COMMANDS",
  "CREATE_PUBLIC_THREADS",
  "CREATE_PRIVATE_THREADS",
  "SEND_MESSAGES_IN_THREADS",
  "SEND_VOICE_MESSAGES",
];
/** What the invitation of a bot asks for. */
const BOT: readonly PermissionName[] = [...EVERYONE, "MANAGE_WEBHOOKS", "MANAGE_MESSAGES", "MENTION_EVERYONE"];

export interface AppCredentials {
  readonly applicationId: string;
  readonly botUserId: string;
  readonly botToken: string;
}

export interface AppSpec {
  readonly name?: string;
  /** Switched on in the developer portal. Default: both of messages and members. */
  readonly privilegedIntents?: readonly PrivilegedIntent[];
}

export interface ChannelSpec {
  readonly name?: string;
  readonly kind?: "text" | "forum" | "announcement" | "category" | "voice";
  readonly parentId?: string;
  readonly overwrites?: readonly OverwriteSpec[];
}

/** What a role or a member may do in one channel beyond or short of the rest. */
export interface OverwriteSpec {
  readonly id: string;
  readonly type?: "role" | "member";
  readonly allow?: readonly PermissionName[];
  readonly deny?: readonly PermissionName[];
}

export interface SmallServer {
  readonly guild: string;
  readonly channels: readonly string[];
  readonly users: readonly string[];
  readonly owner: string;
  readonly app: AppCredentials;
  /** The managed role of the bot. */
  readonly botRole: string;
}

/** Makes the things that are there before a test begins. */
export class Setup {
  readonly #core: Core;
  #names = 0;

  constructor(core: Core) {
    this.#core = core;
  }

  /** A guild with people, text channels and one app in it. */
  smallServer(
    options: { channels?: number; users?: number; name?: string; privilegedIntents?: readonly PrivilegedIntent[] } = {},
  ): SmallServer {
    const owner = this.addUser();
    const guild = this.addGuild({ ownerId: owner });
    const users = Array.from({ length: options.users ?? 2 }, () => this.addUser(guild));
    const channels = Array.from({ length: options.channels ?? 1 }, () => this.addChannel(guild));
    const app = this.addApp({
      ...(options.name === undefined ? {} : { name: options.name }),
      ...(options.privilegedIntents === undefined ? {} : { privilegedIntents: options.privilegedIntents }),
    });
    return { guild, channels, users, owner, app, botRole: this.install(app.applicationId, guild) };
  }

  /** An app with its bot, in no guild as yet. */
  addApp(spec: AppSpec = {}): AppCredentials {
    const { world } = this.#core;
    const id = world.newId();
    const name = spec.name ?? this.#name("App");
    world.users.set(id, { id, username: name, globalName: null, isBot: true, applicationId: id });
    const application: Application = {
      id,
      name,
      // Since 2016 both are one and the same.
      botUserId: id,
      botToken: world.newBotToken(id),
      ownerId: this.addUser(),
      privilegedIntents: new Set(spec.privilegedIntents ?? ["MESSAGE_CONTENT", "GUILD_MEMBERS"]),
      commands: new Map(),
    };
    world.addApplication(application);
    return { applicationId: id, botUserId: id, botToken: application.botToken };
  }

  /** Brings a bot into a guild with a role of its own; returns the role. Default permissions: those of a member, webhooks, messages. */
  install(applicationId: string, guildId: string, permissions: readonly PermissionName[] = BOT): string {
    const { botUserId, name } = this.#core.application(applicationId);
    const guild = this.#core.guild(guildId);
    const role = this.#role(guild, { name, permissions: permissionBits(...permissions), botId: botUserId });
    tellRole(this.#core, guild, role, "CREATE");
    const member = addMember(this.#core, guild, botUserId);
    member.roles.add(role.id);
    return role.id;
  }

  /** Sets what the developer portal allows; sessions that are open keep what they have. */
  setPrivilegedIntents(applicationId: string, intents: readonly PrivilegedIntent[]): void {
    const { privilegedIntents } = this.#core.application(applicationId);
    privilegedIntents.clear();
    for (const intent of intents) privilegedIntents.add(intent);
  }

  addGuild(spec: { ownerId?: string; name?: string } = {}): string {
    const { world } = this.#core;
    const ownerId = spec.ownerId ?? this.addUser();
    const guild: Guild = {
      id: world.newId(),
      name: spec.name ?? this.#name("Guild"),
      ownerId,
      roles: new Map(),
      members: new Map(),
      available: true,
      systemChannelId: null,
    };
    world.guilds.set(guild.id, guild);
    guild.roles.set(guild.id, {
      id: guild.id,
      name: "@everyone",
      permissions: permissionBits(...EVERYONE),
      position: 0,
      mentionable: false,
    });
    addMember(this.#core, guild, ownerId);
    return guild.id;
  }

  /** A person, in the guild when one is named. */
  addUser(guildId?: string, spec: { name?: string; displayName?: string; isGuest?: boolean } = {}): string {
    const { world } = this.#core;
    const id = world.newId();
    const username = (spec.name ?? this.#name("user")).toLowerCase();
    world.users.set(id, { id, username, globalName: spec.displayName ?? `Person ${username}`, isBot: false });
    if (guildId !== undefined) addMember(this.#core, this.#core.guild(guildId), id, { isGuest: spec.isGuest === true });
    return id;
  }

  addChannel(guildId: string, spec: ChannelSpec = {}): string {
    const guild = this.#core.guild(guildId);
    const kinds = {
      text: CHANNEL_TYPES.GUILD_TEXT,
      forum: CHANNEL_TYPES.GUILD_FORUM,
      announcement: CHANNEL_TYPES.GUILD_ANNOUNCEMENT,
      category: CHANNEL_TYPES.GUILD_CATEGORY,
      voice: CHANNEL_TYPES.GUILD_VOICE,
    };
    const given = {
      name: spec.name ?? this.#name("room"),
      type: kinds[spec.kind ?? "text"],
      ...(spec.parentId === undefined ? {} : { parentId: spec.parentId }),
      overwrites: (spec.overwrites ?? []).map(overwriteOf),
    };
    return addChannel(this.#core, guild, given, guild.ownerId).id;
  }

  addRole(
    guildId: string,
    spec: {
      name?: string;
      permissions?: readonly PermissionName[];
      mentionable?: boolean;
      administrator?: boolean;
    } = {},
  ): string {
    const guild = this.#core.guild(guildId);
    const role = this.#role(guild, {
      name: spec.name ?? this.#name("role"),
      permissions: spec.administrator === true ? ALL_PERMISSIONS : permissionBits(...(spec.permissions ?? [])),
      mentionable: spec.mentionable ?? false,
    });
    tellRole(this.#core, guild, role, "CREATE");
    return role.id;
  }

  #role(guild: Guild, given: { name: string; permissions: bigint; mentionable?: boolean; botId?: string }): Role {
    const role: Role = {
      id: this.#core.world.newId(),
      name: given.name,
      permissions: given.permissions,
      position: guild.roles.size,
      mentionable: given.mentionable ?? false,
      ...(given.botId === undefined ? {} : { botId: given.botId }),
    };
    guild.roles.set(role.id, role);
    return role;
  }

  #name(kind: string): string {
    this.#names += 1;
    return `${kind}-${this.#names}`;
  }
}

export function overwriteOf(spec: OverwriteSpec): Overwrite {
  return {
    id: spec.id,
    type: spec.type ?? "role",
    allow: permissionBits(...(spec.allow ?? [])),
    deny: permissionBits(...(spec.deny ?? [])),
  };
}
