/** The records of the stand-in's world. Names inside are ours; `message-wire.ts` and its siblings turn them into Slack's. */

/** A JSON object in Slack's own field names. */
export type Wire = Record<string, unknown>;

export interface Team {
  readonly id: string;
  readonly name: string;
  readonly domain: string;
  readonly enterpriseId?: string;
}

/** How an app receives its events: signed HTTP requests, Socket Mode, or not at all (then nothing is queued either). */
export type Transport = "http" | "socket" | "none";

export interface App {
  readonly id: string;
  readonly name: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly signingSecret: string;
  readonly verificationToken: string;
  /** The app-level `xapp-` token with connections:write. */
  readonly appToken: string;
  /** Event names as in an app manifest (`message.channels`, `app_mention`, ...), or everything. */
  eventTypes: "all" | string[];
  transport: Transport;
  requestUrl?: string;
  /** Default: the request URL. */
  interactivityUrl?: string;
  /** Default: the request URL. */
  commandUrl?: string;
  /** Declared as an agent: agents.sessions.* is allowed. */
  isAgent: boolean;
  /** Bot tokens expire and come with a single-use refresh token. */
  tokenRotation: boolean;
  /** What an OAuth install grants when the authorize URL names no scope. */
  scopes: string[];
}

export interface Installation {
  readonly appId: string;
  readonly teamId: string;
  botToken: string;
  refreshToken?: string;
  /** Its bot token reached its end. */
  tokenExpired?: boolean;
  readonly botUserId: string;
  readonly botId: string;
  readonly installerId: string;
  readonly profile: Wire;
  scopes: string[];
  state: "active" | "uninstalled" | "revoked";
}

export interface User {
  readonly id: string;
  readonly teamId: string;
  name: string;
  realName: string;
  isBot: boolean;
  isAdmin: boolean;
  /** Multi-channel guest. */
  isRestricted: boolean;
  /** Single-channel guest. */
  isUltraRestricted: boolean;
  /** Somebody of another workspace, met through Slack Connect. */
  isStranger: boolean;
  deleted: boolean;
  readonly botId?: string;
  readonly appId?: string;
}

export type ChannelKind = "public" | "private" | "im" | "mpim";

export interface Channel {
  readonly id: string;
  readonly teamId: string;
  kind: ChannelKind;
  name: string;
  readonly creatorId: string;
  readonly createdAt: number;
  readonly members: Set<string>;
  archived: boolean;
  isExtShared: boolean;
  readonly previousNames: string[];
  /** Every message in ts order, replies and deleted ones included. */
  readonly messages: Message[];
  readonly byTs: Map<string, Message>;
  /** Microseconds of the newest ts that was given out here. */
  lastMicros: number;
  /** Agent sessions by thread root. */
  readonly sessions: Map<string, { status: string; title?: string }>;
}

export interface Author {
  readonly userId?: string;
  readonly botId?: string;
  readonly appId?: string;
  /** bot_profile of the posting app. */
  readonly profile?: Wire;
}

export interface StreamState {
  state: "in_progress" | "completed" | "errored";
  readonly startedAt: number;
  mode: "markdown_text" | "chunks" | undefined;
  stoppedByUser: boolean;
  blockCount: number;
}

export interface MessageMetadata {
  readonly event_type: string;
  readonly event_payload: Wire;
}

export interface Message {
  readonly channel: string;
  readonly ts: string;
  readonly author: Author;
  text: string;
  subtype?: string;
  blocks?: unknown[];
  attachments?: unknown[];
  files?: StoredFile[];
  username?: string;
  icons?: Wire;
  readonly threadTs?: string;
  broadcast?: boolean;
  metadata?: MessageMetadata;
  edited?: { user: string; ts: string };
  reactions?: Map<string, string[]>;
  clientMsgId?: string;
  stream?: StreamState;
  /** Fields of single subtypes (inviter, old_name, ...). */
  extra?: Wire;
  /** The replies of a thread root, in ts order. */
  replies?: Message[];
  deleted?: boolean;
}

export interface StoredFile {
  readonly id: string;
  /** Origin of its private addresses. */
  readonly baseUrl: string;
  readonly teamId: string;
  readonly name: string;
  title: string;
  readonly mimetype: string;
  readonly userId: string;
  readonly createdAt: number;
  length: number;
  bytes: Buffer | undefined;
  completed: boolean;
  readonly channels: Set<string>;
}
