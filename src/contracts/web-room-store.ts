import type { Readable } from "node:stream";
import type { ContentBlock } from "../envelope/content.ts";
import type { EventKind } from "../envelope/envelope.ts";
import type { AgentIdentity } from "./adapter.ts";
import type { JsonValue } from "./json.ts";
import type {
  WebAgentStatusRecord,
  WebEventRecord,
  WebMentions,
  WebNotice,
  WebPersonRecord,
  WebPostRecord,
  WebRole,
  WebRoomRecord,
  WebRoomView,
  WebSessionRecord,
  WebUploadRecord,
} from "./web-room-records.ts";

/**
 * What the web room needs of its storage. Every method is one transaction, and its notices are published by that transaction.
 *
 * Methods that act for a person in a room resolve with undefined (or do nothing) when the person may not read that room, so that what
 * exists is not told from what does not. Errors: LEDGER_UNAVAILABLE, CONFLICT, NOT_FOUND.
 */
export interface WebRoomStore {
  readonly access: WebAccessStore;
  readonly rooms: WebRoomsStore;
  readonly posts: WebPostsStore;
  readonly events: WebEventsStore;
  readonly uploads: WebUploadsStore;
  readonly live: WebLiveStore;
}

export interface WebAccessStore {
  /** Everybody of the organization, those without access included, by name. */
  people(organizationId: string): Promise<readonly WebPersonRecord[]>;
  person(organizationId: string, personId: string): Promise<WebPersonRecord | undefined>;
  /** Changes a person; taking access away revokes every session and open link at once. CONFLICT: the name is taken, or nobody would be owner. */
  updatePerson(
    organizationId: string,
    personId: string,
    change: { name?: string; role?: WebRole; active?: boolean },
  ): Promise<WebPersonRecord | undefined>;
  /**
   * Stores the hash of a single-use code, for a person who exists or for one who is made when it is used; CONFLICT when the name is taken.
   * With `reuseName`, a name that exists stands for that person.
   */
  issueLink(link: {
    organizationId: string;
    codeHash: string;
    for: { personId: string } | { name: string; role: WebRole; reuseName: boolean };
    ttlMs: number;
  }): Promise<{ readonly expiresAt: string }>;
  /** Spends the code and opens a session; undefined when it is unknown, used or expired. A code gives one session, however many race for it. */
  redeemLink(use: {
    codeHash: string;
    tokenHash: string;
    sessionId: string;
    newPersonId: string;
    userAgent: string;
    sessionTtlMs: number;
  }): Promise<WebSessionRecord | undefined>;
  /**
   * Opens a session for whoever an identity provider signed in, known by issuer and subject and by nothing else: a person of the same name
   * is another one. Made at the first time; undefined, with a line in the audit log, when not admitted or without access here.
   */
  signInByIdentity(use: {
    organizationId: string;
    issuer: string;
    subject: string;
    admitted: boolean;
    name: string;
    role: WebRole;
    tokenHash: string;
    sessionId: string;
    newPersonId: string;
    userAgent: string;
    sessionTtlMs: number;
  }): Promise<WebSessionRecord | undefined>;
  /** The session of a token as it is valid now: not revoked, not expired, its person active. */
  session(tokenHash: string): Promise<WebSessionRecord | undefined>;
  /** Those of the sessions that are valid now. */
  validSessions(sessionIds: readonly string[]): Promise<ReadonlySet<string>>;
  sessionsOf(organizationId: string, personId: string): Promise<readonly WebSessionRecord[]>;
  /** Ends one session of that person; false when there is none. */
  revokeSession(organizationId: string, personId: string, sessionId: string): Promise<boolean>;
}

export interface WebRoomsStore {
  /** Makes the default room when the organization has none; repeating changes nothing, also from several processes. */
  ensureDefaultRoom(room: { organizationId: string; roomId: string; name: string }): Promise<void>;
  get(organizationId: string, roomId: string): Promise<WebRoomRecord | undefined>;
  /** The rooms that the person is in, and the public ones that can be joined; by name. */
  listFor(organizationId: string, personId: string): Promise<readonly WebRoomView[]>;
  /** The room as each of these people sees it; people who may not see it are left out. */
  viewsFor(organizationId: string, roomId: string, personIds: readonly string[]): Promise<readonly WebRoomView[]>;
  /** Makes a room with its maker as first member; CONFLICT when a room that is not archived has the name. */
  create(room: {
    organizationId: string;
    roomId: string;
    kind: "public" | "private";
    name: string;
    topic: string;
    personId: string;
  }): Promise<void>;
  /** Changes a room; CONFLICT when the name is taken or the default room would be archived. */
  update(change: {
    organizationId: string;
    roomId: string;
    personId: string;
    name?: string;
    topic?: string;
    archived?: boolean;
  }): Promise<WebRoomRecord | undefined>;
  /** Adds a person; repeating changes nothing. `by` is who did it. */
  addMember(member: { organizationId: string; roomId: string; personId: string; by: string }): Promise<void>;
  /** Removes a person; false when it was no member. From then on no notice of the room reaches the person. */
  removeMember(member: { organizationId: string; roomId: string; personId: string; by: string }): Promise<boolean>;
  isMember(organizationId: string, roomId: string, personId: string): Promise<boolean>;
  members(organizationId: string, roomId: string): Promise<readonly WebPersonRecord[]>;
  /** The direct message of these two, made when there is none; one room however many ask at once. */
  openDirect(pair: {
    organizationId: string;
    roomId: string;
    personId: string;
    peer: { personId: string } | { agentId: string; handle: string; name: string };
  }): Promise<string>;
  /** The rooms these people are in, with the number of each room's newest change. */
  joinedSeqs(
    organizationId: string,
    personIds: readonly string[],
  ): Promise<readonly { readonly personId: string; readonly roomId: string; readonly lastSeq: number }[]>;
  /** Moves the read mark forward, never back. */
  markRead(mark: { organizationId: string; roomId: string; personId: string; seq: number }): Promise<void>;
}

/** What of a change agents hear: the envelope's kind and body. */
export interface WebEventInput {
  readonly kind: EventKind;
  readonly body: JsonValue;
}

export interface WebPostsStore {
  /** Lets growing messages of which nothing more will come stand as they are; resolves with how many. */
  endAbandoned(organizationId: string): Promise<number>;
  /**
   * Stores a person's post and its event, once per (person, clientMessageId): a repeat gives the post that exists, with `duplicate`.
   * Undefined when the person is no member. CONFLICT: the room is archived; NOT_FOUND: no such thread, or an upload that is not the
   * person's own unused one of this room.
   */
  createByPerson(post: {
    organizationId: string;
    roomId: string;
    postId: string;
    personId: string;
    clientMessageId: string;
    threadRootId?: string;
    text: string;
    content: readonly ContentBlock[];
    mentions: WebMentions;
    uploadIds: readonly string[];
    visibleTo?: string;
    event: WebEventInput;
  }): Promise<{ readonly post: WebPostRecord; readonly duplicate: boolean } | undefined>;
  /**
   * Stores an agent's post once per idempotencyKey: a repeat gives the post that exists, with `duplicate`. NOT_FOUND: room or thread gone or archived,
   * or the person it is for is not in the room.
   */
  createByAgent(post: {
    organizationId: string;
    roomId: string;
    postId: string;
    idempotencyKey: string;
    agent: AgentIdentity;
    threadRootId?: string;
    text: string;
    parts: readonly JsonValue[];
    mentions: WebMentions;
    state: "final" | "streaming";
    uploads: readonly WebUploadRecord[];
    /** The only person who may see it. */
    visibleTo?: string;
  }): Promise<{ readonly post: WebPostRecord; readonly duplicate: boolean }>;
  /** Replaces an agent's post and makes it final; equal content changes nothing. Resolves with the file names no longer used; NOT_FOUND when it is gone. */
  replaceByAgent(post: {
    organizationId: string;
    roomId: string;
    postId: string;
    text: string;
    parts: readonly JsonValue[];
    mentions: WebMentions;
    uploads: readonly WebUploadRecord[];
  }): Promise<{ readonly post: WebPostRecord; readonly unusedFiles: readonly string[] }>;
  /** Keeps the text so far of a streaming post, for other processes; does nothing once it is final. */
  storePreview(preview: { organizationId: string; postId: string; text: string; origin: string }): Promise<void>;
  /** Stores an answer that one person alone sees, to that person's command. NOT_FOUND when `commandPostId` is no command here. */
  createAnswer(answer: {
    organizationId: string;
    roomId: string;
    postId: string;
    commandPostId: string;
    text: string;
  }): Promise<WebPostRecord>;
  /** Changes the text of the person's own post; equal text changes nothing. Undefined when it is not theirs or deleted. */
  editByPerson(edit: {
    organizationId: string;
    postId: string;
    personId: string;
    text: string;
    content: readonly ContentBlock[];
    mentions: WebMentions;
    event: WebEventInput;
  }): Promise<WebPostRecord | undefined>;
  /** Empties a post; repeating changes nothing. Resolves with the names of its files, which the caller removes; undefined when there is no such post. */
  remove(removal: {
    organizationId: string;
    postId: string;
    /** The person who deletes; absent when its agent does. */
    personId?: string;
  }): Promise<{ readonly post: WebPostRecord; readonly unusedFiles: readonly string[] } | undefined>;
  /** Adds or removes a reaction; repeating either changes nothing. Undefined when the post is gone. */
  react(reaction: {
    organizationId: string;
    postId: string;
    actor: { kind: "person" | "agent"; id: string };
    reaction: string;
    present: boolean;
  }): Promise<WebPostRecord | undefined>;
  /** Stores an answer to an approval or input request and its event, once per (person, clientKey). */
  answer(answer: {
    organizationId: string;
    postId: string;
    personId: string;
    clientKey: string;
    actionId: string;
    value?: string;
    /** The question is over: only the event is stored, and nothing shown at the post. Default: it is open. */
    late?: boolean;
    event: WebEventInput;
  }): Promise<WebPostRecord | undefined>;
  byIds(organizationId: string, postIds: readonly string[]): Promise<readonly WebPostRecord[]>;
  /** The post of a key, looked for after every write to the room that was under way has ended: undefined means that there is none. */
  byIdempotencyKey(query: {
    organizationId: string;
    roomId: string;
    idempotencyKey: string;
  }): Promise<WebPostRecord | undefined>;
  /** One page as the viewer sees it, oldest first, deleted posts left out unless they have a thread. */
  page(query: {
    organizationId: string;
    roomId: string;
    viewerId: string;
    thread?: string;
    before?: number;
    after?: number;
    limit: number;
  }): Promise<{ readonly posts: readonly WebPostRecord[]; readonly hasMore: boolean; readonly lastSeq: number }>;
  /** Every post that changed after a change number, in that order; `cursor` leaves none out that was committed. */
  changes(query: {
    organizationId: string;
    roomId: string;
    viewerId: string;
    after: number;
    limit: number;
  }): Promise<{ readonly posts: readonly WebPostRecord[]; readonly cursor: number; readonly hasMore: boolean }>;
  /** The newest agent posts of a room or thread, newest first. */
  recentByAgents(query: {
    organizationId: string;
    roomId: string;
    thread?: string;
    limit: number;
  }): Promise<readonly WebPostRecord[]>;
  /** Final posts that everybody in the room sees, made since a time, oldest first. */
  since(query: {
    organizationId: string;
    roomId: string;
    thread?: string;
    since: string;
    limit: number;
  }): Promise<readonly WebPostRecord[]>;
}

export interface WebEventsStore {
  /** Stores an event that is no post (a stop); false when the person is no member. */
  append(event: {
    organizationId: string;
    roomId: string;
    personId: string;
    threadRootId?: string;
    event: WebEventInput;
  }): Promise<boolean>;
  /** The room's events that are not marked as ingested, in order. */
  pending(organizationId: string, roomId: string, limit: number): Promise<readonly WebEventRecord[]>;
  /** Rooms with pending events that are older than this. */
  roomsWithPending(
    olderThanMs: number,
  ): Promise<readonly { readonly organizationId: string; readonly roomId: string }[]>;
  markIngested(roomId: string, seqs: readonly number[]): Promise<void>;
  /** Forgets ingested events, spent links, ended sessions and stale presence older than this; resolves with the files of uploads that no post took. */
  prune(olderThanMs: number): Promise<{ readonly unusedFiles: readonly string[] }>;
}

export interface WebUploadsStore {
  /** Records an upload whose bytes are on disk; it belongs to no post yet. */
  add(upload: Omit<WebUploadRecord, "postId">): Promise<void>;
  get(organizationId: string, uploadId: string): Promise<WebUploadRecord | undefined>;
  /**
   * Streams bytes to disk under the generated name; resolves with their number when they are on disk.
   * PAYLOAD_TOO_LARGE beyond `maxBytes`, with nothing left behind.
   */
  write(storedName: string, bytes: Readable, maxBytes: number): Promise<number>;
  /** NOT_FOUND when the file is gone. */
  read(storedName: string, range?: { start: number; end: number }): Promise<Readable>;
  /** Removes files; one that is gone is no error. */
  removeFiles(storedNames: readonly string[]): Promise<void>;
}

export interface WebLiveStore {
  /** Calls `onNotice` for each notice of all processes from the time it resolves; `onGap` when some may have been missed. */
  listen(onNotice: (notice: WebNotice) => void, onGap: () => void): Promise<() => Promise<void>>;
  typing(typing: { organizationId: string; roomId: string; personId: string; threadRootId?: string }): Promise<void>;
  /** Says who has a socket in this process now; call it at least every 30 s, with nobody when it stops. */
  setPresence(
    processId: string,
    present: readonly { readonly organizationId: string; readonly personId: string }[],
  ): Promise<void>;
  /** Shows or, with an empty line, clears what an agent does; forgotten after five minutes without a word. */
  setStatus(status: WebAgentStatusRecord & { readonly organizationId: string }): Promise<void>;
  statuses(organizationId: string, roomId: string): Promise<readonly WebAgentStatusRecord[]>;
}
