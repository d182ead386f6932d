import { sql } from "drizzle-orm";
import { bigint, boolean, index, integer, jsonb, pgTable, primaryKey, text, uniqueIndex } from "drizzle-orm/pg-core";
import { createdAt, instant, organizationId } from "./columns.ts";

const seq = (name: string) => bigint(name, { mode: "number" });

export const webPeople = pgTable(
  "web_people",
  {
    id: text("id").primaryKey(),
    organizationId: organizationId(),
    name: text("name").notNull(),
    /** owner, admin or member. */
    role: text("role").notNull(),
    active: boolean("active").notNull().default(true),
    /** Somebody of another organization, who is in no room that nobody let them into. */
    external: boolean("external").notNull().default(false),
    /** Who they are to the identity provider, where they sign in by one. */
    oidcIssuer: text("oidc_issuer"),
    oidcSubject: text("oidc_subject"),
    createdAt: createdAt(),
  },
  (table) => [
    uniqueIndex("web_people_oidc")
      .on(table.organizationId, table.oidcIssuer, table.oidcSubject)
      .where(sql`oidc_subject is not null`),
    uniqueIndex("web_people_name").on(table.organizationId, sql`lower(name)`),
  ],
);

/** A signed-in browser; the cookie's token is kept as a SHA-256 hash. */
export const webSessions = pgTable(
  "web_sessions",
  {
    id: text("id").primaryKey(),
    organizationId: organizationId(),
    personId: text("person_id").notNull(),
    tokenHash: text("token_hash").notNull(),
    userAgent: text("user_agent").notNull(),
    createdAt: createdAt(),
    lastSeenAt: instant("last_seen_at").notNull().defaultNow(),
    expiresAt: instant("expires_at").notNull(),
    revokedAt: instant("revoked_at"),
  },
  (table) => [
    uniqueIndex("web_sessions_token").on(table.tokenHash),
    index("web_sessions_person").on(table.organizationId, table.personId),
  ],
);

/** A single-use sign-in code, hashed; for a person who exists, or for one who is made when it is used. */
export const webSignInLinks = pgTable("web_sign_in_links", {
  codeHash: text("code_hash").primaryKey(),
  organizationId: organizationId(),
  personId: text("person_id"),
  personName: text("person_name").notNull(),
  role: text("role").notNull(),
  /** The name stands for the person who has it when the code is used, if there is one. */
  reuseName: boolean("reuse_name").notNull().default(false),
  createdAt: createdAt(),
  expiresAt: instant("expires_at").notNull(),
  usedAt: instant("used_at"),
});

export const webRooms = pgTable(
  "web_rooms",
  {
    id: text("id").primaryKey(),
    organizationId: organizationId(),
    /** public, private or direct. */
    kind: text("kind").notNull(),
    name: text("name").notNull(),
    topic: text("topic").notNull().default(""),
    isDefault: boolean("is_default").notNull().default(false),
    /** Names the two of a direct message in a fixed order, so that there is one room for them. */
    directKey: text("direct_key"),
    agentId: text("agent_id"),
    agentHandle: text("agent_handle"),
    createdBy: text("created_by"),
    createdAt: createdAt(),
    archivedAt: instant("archived_at"),
    /** Number of the newest change; counting it up takes the row's lock, so numbers become visible in their order. */
    lastSeq: seq("last_seq").notNull().default(0),
  },
  (table) => [
    uniqueIndex("web_rooms_name")
      .on(table.organizationId, sql`lower(name)`)
      .where(sql`kind <> 'direct' and archived_at is null`),
    uniqueIndex("web_rooms_direct").on(table.organizationId, table.directKey).where(sql`direct_key is not null`),
    uniqueIndex("web_rooms_default").on(table.organizationId).where(sql`is_default`),
  ],
);

export const webRoomMembers = pgTable(
  "web_room_members",
  {
    roomId: text("room_id").notNull(),
    personId: text("person_id").notNull(),
    organizationId: organizationId(),
    joinedAt: instant("joined_at").notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.roomId, table.personId] }),
    index("web_room_members_person").on(table.organizationId, table.personId),
  ],
);

export const webPosts = pgTable(
  "web_posts",
  {
    id: text("id").primaryKey(),
    organizationId: organizationId(),
    roomId: text("room_id").notNull(),
    threadRootId: text("thread_root_id"),
    seq: seq("seq").notNull(),
    changeSeq: seq("change_seq").notNull(),
    /** person, agent or system. */
    authorKind: text("author_kind").notNull(),
    authorId: text("author_id").notNull(),
    /** How an agent looked when it wrote; people are looked up. */
    author: jsonb("author"),
    text: text("text").notNull(),
    content: jsonb("content"),
    parts: jsonb("parts"),
    state: text("state").notNull().default("final"),
    visibleTo: text("visible_to"),
    command: boolean("command").notNull().default(false),
    clientMessageId: text("client_message_id"),
    idempotencyKey: text("idempotency_key"),
    mentions: jsonb("mentions").notNull(),
    replyCount: integer("reply_count").notNull().default(0),
    lastReplyAt: instant("last_reply_at"),
    revision: integer("revision").notNull().default(0),
    createdAt: createdAt(),
    editedAt: instant("edited_at"),
    deletedAt: instant("deleted_at"),
  },
  (table) => [
    uniqueIndex("web_posts_client")
      .on(table.organizationId, table.authorId, table.clientMessageId)
      .where(sql`client_message_id is not null`),
    uniqueIndex("web_posts_idempotency")
      .on(table.organizationId, table.idempotencyKey)
      .where(sql`idempotency_key is not null`),
    uniqueIndex("web_posts_seq").on(table.roomId, table.seq),
    index("web_posts_change").on(table.roomId, table.changeSeq),
    index("web_posts_streaming").on(table.organizationId).where(sql`state = 'streaming'`),
    index("web_posts_thread").on(table.threadRootId, table.seq).where(sql`thread_root_id is not null`),
  ],
);

export const webReactions = pgTable(
  "web_reactions",
  {
    postId: text("post_id").notNull(),
    reaction: text("reaction").notNull(),
    actorKind: text("actor_kind").notNull(),
    actorId: text("actor_id").notNull(),
    organizationId: organizationId(),
    createdAt: createdAt(),
  },
  (table) => [primaryKey({ columns: [table.postId, table.reaction, table.actorKind, table.actorId] })],
);

/** What people answered to approvals and input requests; the newest answer of each person to each. */
export const webAnswers = pgTable(
  "web_answers",
  {
    postId: text("post_id").notNull(),
    actionId: text("action_id").notNull(),
    personId: text("person_id").notNull(),
    organizationId: organizationId(),
    value: text("value"),
    createdAt: createdAt(),
  },
  (table) => [primaryKey({ columns: [table.postId, table.actionId, table.personId] })],
);

/** A file in the uploads folder; without a post until one takes it. */
export const webUploads = pgTable(
  "web_uploads",
  {
    id: text("id").primaryKey(),
    organizationId: organizationId(),
    roomId: text("room_id").notNull(),
    postId: text("post_id"),
    personId: text("person_id"),
    name: text("name").notNull(),
    mediaType: text("media_type").notNull(),
    kind: text("kind").notNull(),
    sizeBytes: integer("size_bytes").notNull(),
    storedName: text("stored_name").notNull(),
    createdAt: createdAt(),
  },
  (table) => [
    index("web_uploads_post").on(table.postId).where(sql`post_id is not null`),
    index("web_uploads_unused").on(table.createdAt).where(sql`post_id is null`),
  ],
);

export const webReadMarks = pgTable(
  "web_read_marks",
  {
    roomId: text("room_id").notNull(),
    personId: text("person_id").notNull(),
    organizationId: organizationId(),
    seq: seq("seq").notNull(),
    updatedAt: instant("updated_at").notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.roomId, table.personId] })],
);

/** The platform log: what people did that agents may hear of, until the pipeline has it and a day longer. */
export const webEvents = pgTable(
  "web_events",
  {
    roomId: text("room_id").notNull(),
    seq: seq("seq").notNull(),
    organizationId: organizationId(),
    kind: text("kind").notNull(),
    body: jsonb("body").notNull(),
    threadRootId: text("thread_root_id"),
    revision: integer("revision").notNull().default(0),
    personId: text("person_id"),
    clientKey: text("client_key"),
    traceId: text("trace_id").notNull(),
    occurredAt: instant("occurred_at").notNull().defaultNow(),
    ingestedAt: instant("ingested_at"),
  },
  (table) => [
    primaryKey({ columns: [table.roomId, table.seq] }),
    index("web_events_pending").on(table.roomId, table.seq).where(sql`ingested_at is null`),
    index("web_events_ingested").on(table.ingestedAt).where(sql`ingested_at is not null`),
    uniqueIndex("web_events_client")
      .on(table.organizationId, table.personId, table.clientKey)
      .where(sql`client_key is not null`),
  ],
);

/** Which process holds sockets of whom. */
export const webPresence = pgTable(
  "web_presence",
  {
    processId: text("process_id").notNull(),
    personId: text("person_id").notNull(),
    organizationId: organizationId(),
    seenAt: instant("seen_at").notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.processId, table.personId] }),
    index("web_presence_person").on(table.personId),
  ],
);

/** What each agent says it is doing now, per room and thread; `thread_root_id` is empty for the room itself. */
export const webAgentStatus = pgTable(
  "web_agent_status",
  {
    roomId: text("room_id").notNull(),
    threadRootId: text("thread_root_id").notNull(),
    agentId: text("agent_id").notNull(),
    organizationId: organizationId(),
    identity: jsonb("identity").notNull(),
    line: text("line").notNull(),
    updatedAt: instant("updated_at").notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.roomId, table.threadRootId, table.agentId] })],
);
