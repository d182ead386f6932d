import { sql } from "drizzle-orm";
import {
  bigint,
  boolean,
  date,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
} from "drizzle-orm/pg-core";
import { createdAt, instant, organizationId } from "./columns.ts";

/** A question of an agent to people: an approval or a form, bound to what it shows. */
export const requests = pgTable(
  "requests",
  {
    id: text("id").primaryKey(),
    organizationId: organizationId(),
    agentId: text("agent_id").notNull(),
    turnId: text("turn_id").notNull(),
    conversationId: text("conversation_id").notNull(),
    /** The agent's own id of it: approvalId or inputId. */
    actionId: text("action_id").notNull(),
    /** approval or input. */
    kind: text("kind").notNull(),
    /** As it is shown; null once it was purged. */
    part: jsonb("part"),
    /** Keyed digest of what is shown and of the action and arguments it is about. */
    binding: text("binding").notNull(),
    /** The turn that asked is still running and waits. */
    live: boolean("live").notNull(),
    askerId: text("asker_id"),
    /** Who alone decides it; null where anybody may who is allowed to. */
    addresseeId: text("addressee_id"),
    /** open, decided, expired, cancelled. */
    state: text("state").notNull().default("open"),
    stateReason: text("state_reason"),
    optionId: text("option_id"),
    /** allow, deny or neutral. */
    effect: text("effect"),
    fields: jsonb("fields"),
    decidedBy: text("decided_by"),
    decidedByName: text("decided_by_name"),
    /** The event of the click; the turn that carries the decision on is of this event. */
    decidedEvent: text("decided_event"),
    decidedAt: instant("decided_at"),
    expiresAt: instant("expires_at").notNull(),
    /** Whether the message shows the decision. */
    shownAt: instant("shown_at"),
    createdAt: createdAt(),
  },
  (table) => [
    // The same again is the same question; about anything else it is a new one.
    uniqueIndex("requests_action").on(table.turnId, table.actionId, table.binding),
    index("requests_open").on(table.expiresAt).where(sql`state = 'open'`),
    index("requests_unshown").on(table.decidedAt).where(sql`state <> 'open' and shown_at is null`),
    index("requests_conversation").on(table.conversationId),
  ],
);

/** What a connector remembers of an agent in one conversation; ciphertext. */
export const agentSessions = pgTable(
  "agent_sessions",
  {
    agentId: text("agent_id").notNull(),
    sessionKey: text("session_key").notNull(),
    organizationId: organizationId(),
    value: text("value").notNull(),
    updatedAt: instant("updated_at").notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.agentId, table.sessionKey] })],
);

/** A token that an agent dials in with; the hash is kept, the token is shown once. */
export const agentTokens = pgTable(
  "agent_tokens",
  {
    id: text("id").primaryKey(),
    organizationId: organizationId(),
    agentId: text("agent_id").notNull(),
    tokenHash: text("token_hash").notNull(),
    createdBy: text("created_by").notNull(),
    createdAt: createdAt(),
    /** Recorded once in five minutes at most. */
    lastUsedAt: instant("last_used_at"),
    revokedAt: instant("revoked_at"),
  },
  (table) => [
    uniqueIndex("agent_tokens_hash").on(table.tokenHash),
    index("agent_tokens_agent").on(table.agentId).where(sql`revoked_at is null`),
  ],
);

/** Where an agent that dialled in is connected now; the newest connection has it. */
export const agentConnections = pgTable("agent_connections", {
  agentId: text("agent_id").primaryKey(),
  organizationId: organizationId(),
  processId: text("process_id").notNull(),
  connectionId: text("connection_id").notNull(),
  capabilities: jsonb("capabilities").notNull(),
  connectedAt: instant("connected_at").notNull().defaultNow(),
  seenAt: instant("seen_at").notNull().defaultNow(),
});

/** What an agent will do later without being asked again, with the rights of who asked for it. */
export const schedules = pgTable(
  "schedules",
  {
    id: text("id").primaryKey(),
    organizationId: organizationId(),
    agentId: text("agent_id").notNull(),
    conversationId: text("conversation_id").notNull(),
    /** The turn it was made in; null for one that a person or an operator made. */
    turnId: text("turn_id"),
    requestedBy: text("requested_by").notNull(),
    requestedByName: text("requested_by_name").notNull(),
    task: text("task").notNull(),
    /** Null for once. */
    everyMs: bigint("every_ms", { mode: "number" }),
    dueAt: instant("due_at").notNull(),
    /** active, done, cancelled. */
    state: text("state").notNull().default("active"),
    stateReason: text("state_reason"),
    firings: integer("firings").notNull().default(0),
    lastFiredAt: instant("last_fired_at"),
    createdAt: createdAt(),
  },
  (table) => [
    index("schedules_due").on(table.dueAt).where(sql`state = 'active'`),
    index("schedules_agent").on(table.agentId).where(sql`state = 'active'`),
  ],
);

/** What was spent on a day by an agent, for a person, in a channel. */
export const usageTotals = pgTable(
  "usage_totals",
  {
    organizationId: organizationId(),
    agentId: text("agent_id").notNull(),
    day: date("day").notNull(),
    /** agent, person or channel. */
    scope: text("scope").notNull(),
    /** Empty for the agent itself. */
    subject: text("subject").notNull().default(""),
    turns: integer("turns").notNull().default(0),
    inputTokens: bigint("input_tokens", { mode: "number" }).notNull().default(0),
    outputTokens: bigint("output_tokens", { mode: "number" }).notNull().default(0),
    costMicroUsd: bigint("cost_micro_usd", { mode: "number" }).notNull().default(0),
    /** What the one turn of the day that spent most of it did. */
    maxTokens: bigint("max_tokens", { mode: "number" }).notNull().default(0),
    maxCostMicroUsd: bigint("max_cost_micro_usd", { mode: "number" }).notNull().default(0),
    /** Whether people were told that the limit is reached. */
    toldAt: instant("told_at"),
  },
  (table) => [primaryKey({ columns: [table.agentId, table.day, table.scope, table.subject] })],
);

/** A document or state that the agents of a conversation share; changed by compare-and-set on its revision. */
export const sharedDocuments = pgTable(
  "shared_documents",
  {
    conversationId: text("conversation_id").notNull(),
    name: text("name").notNull(),
    organizationId: organizationId(),
    revision: integer("revision").notNull().default(1),
    value: jsonb("value").notNull(),
    updatedBy: text("updated_by").notNull(),
    updatedAt: instant("updated_at").notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.conversationId, table.name] })],
);

/** A task that an outside client of A2A gave to an agent or room; the posts that carry it are in the web room, and its state is theirs. */
export const a2aTasks = pgTable(
  "a2a_tasks",
  {
    id: text("id").primaryKey(),
    organizationId: organizationId(),
    /** The API token it came with; nobody else sees it. */
    tokenId: text("token_id").notNull(),
    contextId: text("context_id").notNull(),
    /** The client's own id of its first message. */
    messageId: text("message_id").notNull(),
    roomId: text("room_id").notNull(),
    postId: text("post_id"),
    agentId: text("agent_id"),
    /** The state that its notifications have told everywhere; the state itself is that of its posts and turns. */
    state: text("state").notNull(),
    /** Where notifications go, sealed, and how far each address is; null where nobody asked for any. */
    push: jsonb("push"),
    /** When it is next looked at for a notification; null once there is none to come. */
    pushDueAt: instant("push_due_at"),
    createdAt: createdAt(),
    updatedAt: instant("updated_at").notNull().defaultNow(),
  },
  (table) => [
    uniqueIndex("a2a_tasks_message").on(table.tokenId, table.messageId),
    index("a2a_tasks_context").on(table.tokenId, table.contextId),
    index("a2a_tasks_post").on(table.postId),
    index("a2a_tasks_push_due").on(table.pushDueAt).where(sql`push_due_at is not null`),
  ],
);

/** Each message of such a task, under the client's own id, so that a repeat is known; `seq` is its place in the room's log. */
export const a2aMessages = pgTable(
  "a2a_messages",
  {
    tokenId: text("token_id").notNull(),
    messageId: text("message_id").notNull(),
    organizationId: organizationId(),
    taskId: text("task_id").notNull(),
    /** Null for an answer to a question, which is no post. */
    postId: text("post_id"),
    seq: bigint("seq", { mode: "number" }),
    createdAt: createdAt(),
  },
  (table) => [primaryKey({ columns: [table.tokenId, table.messageId] }), index("a2a_messages_task").on(table.taskId)],
);
