import { sql } from "drizzle-orm";
import { boolean, index, jsonb, pgTable, primaryKey, text, uniqueIndex } from "drizzle-orm/pg-core";
import { createdAt, instant, organizationId } from "./columns.ts";

/** Spaces and categories: the levels of the permission tree above channels; and threads that have a name or readers of their own. */
export const places = pgTable(
  "places",
  {
    installationId: text("installation_id").notNull(),
    placeId: text("place_id").notNull(),
    organizationId: organizationId(),
    /** space, category or thread. */
    level: text("level").notNull(),
    parentId: text("parent_id"),
    name: text("name"),
    /** Of a thread, as of a channel: when the list of its readers was fetched, and what it said. */
    rosterAt: instant("roster_at"),
    rosterOpen: boolean("roster_open"),
    rosterComplete: boolean("roster_complete"),
    updatedAt: instant("updated_at").notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.installationId, table.placeId] })],
);

/** Who asked an agent into a channel; it ends with the inviter's own membership unless another member takes it over. */
export const agentInvitations = pgTable(
  "agent_invitations",
  {
    id: text("id").primaryKey(),
    organizationId: organizationId(),
    installationId: text("installation_id").notNull(),
    channelId: text("channel_id").notNull(),
    agentId: text("agent_id").notNull(),
    /** person (of the platform), operator (page, API or command line). */
    inviterKind: text("inviter_kind").notNull(),
    inviterId: text("inviter_id").notNull(),
    createdAt: createdAt(),
    endedAt: instant("ended_at"),
    endedReason: text("ended_reason"),
  },
  (table) => [
    uniqueIndex("agent_invitations_open")
      .on(table.installationId, table.channelId, table.agentId)
      .where(sql`ended_at is null`),
    index("agent_invitations_organization").on(table.organizationId),
  ],
);

/** One line of an access list: who may or may not do what, from this level of the tree downwards. */
export const accessRules = pgTable(
  "access_rules",
  {
    id: text("id").primaryKey(),
    organizationId: organizationId(),
    /** organization, space, category, channel or thread. */
    level: text("level").notNull(),
    /** Empty at the level of the organization. */
    installationId: text("installation_id").notNull().default(""),
    placeId: text("place_id").notNull().default(""),
    /** everyone, class, role, person or agent. */
    subjectKind: text("subject_kind").notNull(),
    subject: text("subject").notNull().default(""),
    action: text("action").notNull(),
    /** allow or deny. */
    effect: text("effect").notNull(),
    /** config or operator. */
    source: text("source").notNull(),
    createdBy: text("created_by").notNull(),
    createdAt: createdAt(),
  },
  (table) => [index("access_rules_organization").on(table.organizationId)],
);

/** A role that somebody was given at a level of the tree, beside what the platform says of them. */
export const roleAssignments = pgTable(
  "role_assignments",
  {
    id: text("id").primaryKey(),
    organizationId: organizationId(),
    level: text("level").notNull(),
    installationId: text("installation_id").notNull().default(""),
    placeId: text("place_id").notNull().default(""),
    personId: text("person_id").notNull(),
    /** owner, admin, member, guest or auditor. */
    role: text("role").notNull(),
    source: text("source").notNull(),
    createdBy: text("created_by").notNull(),
    createdAt: createdAt(),
  },
  (table) => [index("role_assignments_organization").on(table.organizationId)],
);

/** What a channel does with a reply that not all of its readers may read: withhold, asker or approve. */
export const channelPolicies = pgTable(
  "channel_policies",
  {
    installationId: text("installation_id").notNull(),
    channelId: text("channel_id").notNull(),
    organizationId: organizationId(),
    onNarrowerSource: text("on_narrower_source").notNull().default("withhold"),
    source: text("source").notNull(),
    updatedAt: instant("updated_at").notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.installationId, table.channelId] })],
);

/** What a place of the configuration was found to be, so that a channel that is renamed keeps its lists until the configuration names another. */
export const accessReferences = pgTable(
  "access_references",
  {
    organizationId: organizationId(),
    reference: text("reference").notNull(),
    level: text("level").notNull(),
    installationId: text("installation_id").notNull(),
    placeId: text("place_id").notNull(),
    createdAt: createdAt(),
  },
  (table) => [primaryKey({ columns: [table.organizationId, table.reference] })],
);

/** The conversations, apart from its own, that a turn has read from. */
export const turnSources = pgTable(
  "turn_sources",
  {
    turnId: text("turn_id").notNull(),
    installationId: text("installation_id").notNull(),
    channelId: text("channel_id").notNull(),
    /** Empty for the channel itself. */
    threadId: text("thread_id").notNull().default(""),
    organizationId: organizationId(),
    /** Ids of the messages that were handed over. */
    messageIds: jsonb("message_ids").notNull(),
    readAt: instant("read_at").notNull().defaultNow(),
    /** When all readers of the answer were last found to be among its own; null: not yet. `infinity`: nothing that is still unsent is made of it. */
    checkedAt: instant("checked_at"),
    /** A sum over who was in all these conversations then. */
    checkedReaders: text("checked_readers"),
  },
  (table) => [primaryKey({ columns: [table.turnId, table.installationId, table.channelId, table.threadId] })],
);

/** A reply that was not posted because some of the channel's readers may not read its sources. */
export const withheldReplies = pgTable(
  "withheld_replies",
  {
    turnId: text("turn_id").primaryKey(),
    organizationId: organizationId(),
    agentId: text("agent_id").notNull(),
    conversationId: text("conversation_id").notNull(),
    askerId: text("asker_id"),
    /** withhold, asker or approve. */
    policy: text("policy").notNull(),
    sources: jsonb("sources").notNull(),
    /** Parts of the reply; null once it was released or discarded. */
    reply: jsonb("reply"),
    /** open, released, discarded, expired. */
    state: text("state").notNull().default("open"),
    decidedBy: text("decided_by"),
    createdAt: createdAt(),
    decidedAt: instant("decided_at"),
  },
  (table) => [index("withheld_replies_open").on(table.organizationId, table.createdAt).where(sql`state = 'open'`)],
);

/** A token of the API: the hash is kept, the token is shown once. */
export const apiTokens = pgTable(
  "api_tokens",
  {
    id: text("id").primaryKey(),
    organizationId: organizationId(),
    name: text("name").notNull(),
    tokenHash: text("token_hash").notNull(),
    /** Of: read, agents, access, audit, operate, talk. */
    scopes: jsonb("scopes").notNull(),
    /** The person of the web rooms whom a token that talks stands for. */
    personId: text("person_id"),
    createdBy: text("created_by").notNull(),
    createdAt: createdAt(),
    expiresAt: instant("expires_at"),
    /** When it was given a new secret; the one before was refused from then on. */
    rotatedAt: instant("rotated_at"),
    /** Recorded once in five minutes at most. */
    lastUsedAt: instant("last_used_at"),
    revokedAt: instant("revoked_at"),
  },
  (table) => [
    uniqueIndex("api_tokens_hash").on(table.tokenHash),
    index("api_tokens_organization").on(table.organizationId),
  ],
);
