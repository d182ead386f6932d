import { sql } from "drizzle-orm";
import { bigint, boolean, index, integer, jsonb, pgTable, primaryKey, text, uniqueIndex } from "drizzle-orm/pg-core";
import { createdAt, instant, organizationId } from "./columns.ts";

/** A channel, thread or direct message: the unit of order. `due_at` says when somebody must look; the lease says who does. */
export const conversations = pgTable(
  "conversations",
  {
    id: text("id").primaryKey(),
    organizationId: organizationId(),
    installationId: text("installation_id").notNull(),
    platform: text("platform").notNull(),
    channelId: text("channel_id").notNull(),
    threadId: text("thread_id"),
    path: jsonb("path").notNull(),
    dueAt: instant("due_at"),
    /** When somebody must look at its outbox. */
    outboxDueAt: instant("outbox_due_at"),
    /** Counts the rings, so that a release does not erase one that came meanwhile. */
    rings: bigint("rings", { mode: "number" }).notNull().default(0),
    leaseOwner: text("lease_owner"),
    leaseEpoch: bigint("lease_epoch", { mode: "number" }).notNull().default(0),
    leaseUntil: instant("lease_until"),
    /** Platform order of the newest event that was routed; an event before it came late. */
    routedOrder: text("routed_order"),
    /** Since when a person has it to themselves: no agent takes part until it is resumed. */
    takenOverAt: instant("taken_over_at"),
    takenOverBy: text("taken_over_by"),
    /** Of which pauses of agents who was told here, newest last: one entry per pause and, where people are told alone, person. */
    toldPauses: text("told_pauses").array(),
    createdAt: createdAt(),
  },
  (table) => [
    index("conversations_due").on(table.dueAt).where(sql`due_at is not null`),
    index("conversations_outbox_due").on(table.outboxDueAt).where(sql`outbox_due_at is not null`),
    index("conversations_channel").on(table.installationId, table.channelId),
    index("conversations_taken_over").on(table.installationId, table.channelId).where(sql`taken_over_at is not null`),
  ],
);

/** Every accepted platform event, as delivered, under its dedupe key. */
export const events = pgTable(
  "events",
  {
    id: text("id").primaryKey(),
    organizationId: organizationId(),
    installationId: text("installation_id").notNull(),
    conversationId: text("conversation_id").notNull(),
    kind: text("kind").notNull(),
    dedupeKey: text("dedupe_key").notNull(),
    platformOrder: text("platform_order").notNull(),
    envelope: jsonb("envelope").notNull(),
    /** pending, routed, steering, then one of: answered, dropped, superseded, cancelled, expired, dead_lettered. */
    state: text("state").notNull().default("pending"),
    stateReason: text("state_reason"),
    /** Columns of their own for what indexes look at: a change of state that leaves them as they are touches no index. */
    isPending: boolean("is_pending").generatedAlwaysAs(sql`state = 'pending'`),
    openTurns: integer("open_turns").notNull().default(0),
    /**
     * Each time it was routed, `at`, with one record per agent: whether it got a turn, and by which rule. Kept with the event, because rows
     * and index entries of their own cost as much as the rest of routing.
     */
    decisions: jsonb("decisions"),
    steeredTurnId: text("steered_turn_id"),
    /** Not routed before then; later than the receipt where the platform is known to reorder. */
    notBefore: instant("not_before").notNull().defaultNow(),
    occurredAt: instant("occurred_at").notNull(),
    receivedAt: instant("received_at").notNull().defaultNow(),
    finishedAt: instant("finished_at"),
    /** For a deletion: when the deleted message's text was gone for good from every table. */
    purgedAt: instant("purged_at"),
  },
  (table) => [
    uniqueIndex("events_dedupe").on(table.installationId, table.dedupeKey),
    index("events_pending").on(table.conversationId, table.platformOrder).where(sql`is_pending`),
    index("events_steering").on(table.steeredTurnId).where(sql`steered_turn_id is not null`),
    index("events_to_purge").on(table.id).where(sql`kind = 'message_deleted' and purged_at is null`),
    // Edits and deletions are few; what they are about is found by the message.
    index("events_of_message")
      .on(table.installationId, sql`(envelope #>> '{body,messageId}')`)
      .where(sql`kind = 'message_edited'`),
  ],
);

/** The newest known version of each message, of people and of agents alike; what transcripts are made of. */
export const messages = pgTable(
  "messages",
  {
    installationId: text("installation_id").notNull(),
    channelId: text("channel_id").notNull(),
    messageId: text("message_id").notNull(),
    organizationId: organizationId(),
    conversationId: text("conversation_id").notNull(),
    eventId: text("event_id"),
    turnId: text("turn_id"),
    agentId: text("agent_id"),
    sender: jsonb("sender").notNull(),
    content: jsonb("content").notNull(),
    text: text("text").notNull(),
    platformOrder: text("platform_order").notNull(),
    revision: bigint("revision", { mode: "number" }).notNull().default(0),
    occurredAt: instant("occurred_at").notNull(),
    deletedAt: instant("deleted_at"),
  },
  (table) => [
    primaryKey({ columns: [table.installationId, table.channelId, table.messageId] }),
    index("messages_conversation").on(table.conversationId, table.platformOrder),
  ],
);
