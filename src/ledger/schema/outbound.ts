import { sql } from "drizzle-orm";
import { bigserial, boolean, index, integer, jsonb, pgTable, text, uniqueIndex } from "drizzle-orm/pg-core";
import { createdAt, instant, organizationId } from "./columns.ts";

/** One invocation of one agent for one trigger; the epoch fences whoever lost it. */
export const turns = pgTable(
  "turns",
  {
    id: text("id").primaryKey(),
    orderNo: bigserial("order_no", { mode: "number" }).notNull(),
    organizationId: organizationId(),
    agentId: text("agent_id").notNull(),
    /** Where the trigger was said. */
    conversationId: text("conversation_id").notNull(),
    /** Where the reply goes; bound at admission. */
    replyConversationId: text("reply_conversation_id").notNull(),
    eventId: text("event_id").notNull(),
    triggerMessageId: text("trigger_message_id"),
    askerId: text("asker_id"),
    reason: text("reason").notNull(),
    /** queued, running, waiting (for a deferred reply), delivering, then: answered, superseded, cancelled, expired, dead_lettered. */
    state: text("state").notNull(),
    stateReason: text("state_reason"),
    /** At work for its agent. A column of its own, so that a change of state that leaves it as it is touches no index. */
    isActive: boolean("is_active").generatedAlwaysAs(sql`state in ('running', 'waiting', 'delivering')`),
    epoch: integer("epoch").notNull().default(1),
    owner: text("owner"),
    attempt: integer("attempt").notNull().default(1),
    /** Of the attempts, how many did not reach the agent. */
    retries: integer("retries").notNull().default(0),
    restarts: integer("restarts").notNull().default(0),
    /** How often a process ended while it ran there, as far as it is suspected of that; see `takeOrphans`. */
    deaths: integer("deaths").notNull().default(0),
    /** The epoch in which it is at work as the only suspect of its process, or, negated, the one in which its process ended in good order. */
    trialEpoch: integer("trial_epoch"),
    /** For whom it spends while it is at work, as `{ person, channel }` of the day's totals; null where its agent has no budget. */
    reserved: jsonb("reserved"),
    notBefore: instant("not_before").notNull().defaultNow(),
    deadlineAt: instant("deadline_at"),
    cancelRequested: text("cancel_requested"),
    /** The membership epoch of the channel when the turn was admitted; nothing is sent for it under another. */
    accessEpoch: integer("access_epoch").notNull().default(0),
    hopCount: integer("hop_count").notNull().default(0),
    rootEventId: text("root_event_id").notNull(),
    /** The agent or other bot that caused it; null when a person did. */
    triggerActor: text("trigger_actor"),
    /** What the turn ends as once its deliveries are done. */
    outcome: text("outcome").notNull().default("answered"),
    reply: jsonb("reply"),
    /** The event that this reply is for the other agents, stored when the reply is delivered. */
    followUp: jsonb("follow_up"),
    usage: jsonb("usage"),
    createdAt: createdAt(),
    startedAt: instant("started_at"),
    repliedAt: instant("replied_at"),
    finishedAt: instant("finished_at"),
  },
  (table) => [
    uniqueIndex("turns_one_active").on(table.replyConversationId, table.agentId).where(sql`is_active`),
    uniqueIndex("turns_event_agent").on(table.eventId, table.agentId),
    // The second half keeps the planner from reading all open turns through the index of another column.
    index("turns_open")
      .on(table.replyConversationId)
      .where(sql`finished_at is null and reply_conversation_id is not null`),
    index("turns_open_trigger")
      .on(table.conversationId)
      .where(sql`finished_at is null and conversation_id <> reply_conversation_id`),
    index("turns_participants").on(table.replyConversationId, table.agentId),
    // What a person's own message caused directly is found by the event itself.
    index("turns_root").on(table.rootEventId).where(sql`trigger_actor is not null`),
    index("turns_pair").on(table.triggerActor, table.agentId, table.createdAt).where(sql`trigger_actor is not null`),
  ],
);

/** One platform write: the outbox. */
export const deliveries = pgTable(
  "deliveries",
  {
    id: text("id").primaryKey(),
    sequence: bigserial("sequence", { mode: "number" }).notNull(),
    organizationId: organizationId(),
    turnId: text("turn_id"),
    agentId: text("agent_id").notNull(),
    conversationId: text("conversation_id").notNull(),
    ordinal: integer("ordinal").notNull(),
    body: jsonb("body").notNull(),
    fallbackText: text("fallback_text").notNull(),
    idempotencyKey: text("idempotency_key").notNull(),
    askerId: text("asker_id"),
    /** The message was opened as a live preview, before its final text was known. */
    preview: boolean("preview").notNull().default(false),
    /** `body` is the durable text; false while a preview is still growing. */
    final: boolean("final").notNull().default(true),
    /** pending, sending, open (a preview that stands), unknown, then: delivered, rejected, cancelled, parked. */
    state: text("state").notNull(),
    owner: text("owner"),
    epoch: integer("epoch").notNull().default(1),
    attempt: integer("attempt").notNull().default(0),
    absences: integer("absences").notNull().default(0),
    notBefore: instant("not_before").notNull().defaultNow(),
    firstAttemptAt: instant("first_attempt_at"),
    messageId: text("message_id"),
    /** The question to people that it shows, or shows the decision of. */
    requestId: text("request_id"),
    code: text("code"),
    reason: text("reason"),
    createdAt: createdAt(),
    deliveredAt: instant("delivered_at"),
  },
  (table) => [
    // Two halves, because the one is also how the writes of a turn are found; with one index less, each write is cheaper.
    uniqueIndex("deliveries_of_turn").on(table.turnId, table.idempotencyKey).where(sql`turn_id is not null`),
    uniqueIndex("deliveries_without_turn_once").on(table.idempotencyKey).where(sql`turn_id is null`),
    index("deliveries_open")
      .on(table.conversationId, table.sequence)
      .where(sql`state in ('pending', 'sending', 'open', 'unknown')`),
    index("deliveries_without_turn").on(table.messageId).where(sql`turn_id is null and message_id is not null`),
  ],
);

/** What could not be done, with the reason; `raw` holds an event that fits no schema. */
export const deadLetters = pgTable(
  "dead_letters",
  {
    id: text("id").primaryKey(),
    organizationId: organizationId(),
    stage: text("stage").notNull(),
    code: text("code").notNull(),
    reason: text("reason").notNull(),
    state: text("state").notNull().default("open"),
    dedupeKey: text("dedupe_key").notNull(),
    eventId: text("event_id"),
    turnId: text("turn_id"),
    deliveryId: text("delivery_id"),
    conversationId: text("conversation_id"),
    raw: text("raw"),
    createdAt: createdAt(),
    resolvedAt: instant("resolved_at"),
  },
  (table) => [
    uniqueIndex("dead_letters_dedupe").on(table.dedupeKey),
    index("dead_letters_open").on(table.organizationId, table.createdAt),
    index("dead_letters_raw").on(table.organizationId).where(sql`raw is not null`),
  ],
);

/** Steps out of the ordinary: retries, take-overs, reconciliations, stops. The ordinary ones are in the rows themselves. */
export const journal = pgTable(
  "journal",
  {
    id: bigserial("id", { mode: "number" }).primaryKey(),
    organizationId: organizationId(),
    eventId: text("event_id"),
    turnId: text("turn_id"),
    verb: text("verb").notNull(),
    outcome: text("outcome").notNull(),
    rule: text("rule").notNull(),
    detail: jsonb("detail"),
    at: instant("at").notNull().defaultNow(),
  },
  (table) => [index("journal_event").on(table.eventId), index("journal_turn").on(table.turnId)],
);

/** The single-use deferred reply of a turn; the first one wins. */
export const deferredReplies = pgTable("deferred_replies", {
  turnId: text("turn_id").primaryKey(),
  organizationId: organizationId(),
  reply: jsonb("reply").notNull(),
  receivedAt: instant("received_at").notNull().defaultNow(),
});
