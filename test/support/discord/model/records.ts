import type { PrivilegedIntent } from "./bits.ts";

/** The records of the stand-in's world. Names inside are ours; the `wire` files turn them into Discord's. */

/** A JSON object in Discord's own field names. */
export type Wire = Record<string, unknown>;

export interface User {
  readonly id: string;
  username: string;
  globalName: string | null;
  readonly isBot: boolean;
  /** The application that a bot belongs to. */
  readonly applicationId?: string;
}

export interface Application {
  readonly id: string;
  readonly name: string;
  readonly botUserId: string;
  botToken: string;
  readonly ownerId: string;
  /** Privileged intents that were switched on in the developer portal. */
  readonly privilegedIntents: Set<PrivilegedIntent>;
  /** Commands by where they are: a guild id, or `global`. */
  readonly commands: Map<string, Wire[]>;
}

export interface Role {
  readonly id: string;
  name: string;
  permissions: bigint;
  position: number;
  mentionable: boolean;
  /** The bot whose own role it is. */
  readonly botId?: string;
}

export interface Member {
  readonly userId: string;
  nick: string | null;
  readonly roles: Set<string>;
  joinedAt: number;
  /** Came through a guest invite. */
  isGuest?: boolean;
  /** Wall time in ms. */
  timeoutUntil: number | null;
}

export interface Guild {
  readonly id: string;
  name: string;
  ownerId: string;
  readonly roles: Map<string, Role>;
  readonly members: Map<string, Member>;
  /** False during an outage. */
  available: boolean;
  /** Where "… joined" is said. */
  systemChannelId: string | null;
}

export interface Overwrite {
  readonly id: string;
  readonly type: "role" | "member";
  allow: bigint;
  deny: bigint;
}

export interface ThreadState {
  readonly ownerId: string;
  archived: boolean;
  locked: boolean;
  autoArchiveMinutes: number;
  archiveChangedAt: number;
  invitable: boolean;
  readonly createdAt: number;
  /** When each member came, wall ms. */
  readonly members: Map<string, number>;
  appliedTags: string[];
}

export interface Channel {
  readonly id: string;
  readonly type: number;
  readonly guildId: string | undefined;
  name: string;
  topic: string | null;
  parentId: string | null;
  position: number;
  readonly overwrites: Map<string, Overwrite>;
  /** Of direct messages: both. */
  readonly recipients: readonly string[];
  readonly thread: ThreadState | undefined;
  /** In order of their ids, deleted ones included. */
  readonly messages: Message[];
  readonly byId: Map<string, Message>;
  readonly webhooks: Set<string>;
  deleted: boolean;
}

export interface Webhook {
  readonly id: string;
  readonly token: string;
  readonly guildId: string;
  channelId: string;
  name: string;
  avatar: string | null;
  /** The application that made it; null of one that a person made. */
  readonly applicationId: string | null;
  readonly creatorId: string;
}

export interface StoredAttachment {
  readonly id: string;
  readonly filename: string;
  readonly contentType: string | undefined;
  readonly bytes: Buffer;
  readonly description?: string;
  readonly durationSecs?: number;
  readonly waveform?: string;
  readonly ephemeral?: boolean;
}

export interface MessageReference {
  readonly type: 0 | 1;
  readonly messageId: string;
  readonly channelId: string;
  readonly guildId: string | undefined;
}

/** Who a message names after its allowed_mentions: whom Discord told of it. */
export interface Mentions {
  readonly users: readonly string[];
  readonly roles: readonly string[];
  readonly everyone: boolean;
}

export interface Message {
  readonly id: string;
  readonly channelId: string;
  readonly type: number;
  /** A user's id, or that of the webhook. */
  readonly authorId: string;
  readonly webhook?: { readonly id: string; readonly name: string; readonly avatar: string | null };
  readonly applicationId?: string;
  content: string;
  embeds: Wire[];
  attachments: StoredAttachment[];
  components: Wire[];
  flags: number;
  mentions: Mentions;
  editedAt: number | null;
  pinned: boolean;
  readonly createdAt: number;
  readonly reference?: MessageReference;
  readonly snapshots?: readonly Wire[];
  readonly nonce?: string | number;
  /** Users by emoji (`👀`, or `name:id`). */
  readonly reactions: Map<string, string[]>;
  readonly interaction?: {
    readonly id: string;
    readonly type: number;
    readonly userId: string;
    readonly name?: string;
  };
  threadId?: string;
  deleted: boolean;
}

export type Acknowledgement = "message" | "deferred_message" | "deferred_update" | "update" | "modal" | "choices";

export interface Interaction {
  readonly id: string;
  readonly token: string;
  readonly applicationId: string;
  readonly type: number;
  readonly userId: string;
  readonly channelId: string;
  readonly guildId: string | undefined;
  readonly name?: string;
  /** Of a press: the message with the button. */
  readonly messageId?: string;
  readonly createdAt: number;
  acknowledged: Acknowledgement | undefined;
  /** The first answer. */
  originalId?: string;
  /** Answers that the asker alone sees; they are in no channel. */
  readonly ephemeral: Map<string, Message>;
}
