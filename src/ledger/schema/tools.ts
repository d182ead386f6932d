import { index, integer, jsonb, pgTable, primaryKey, text, uniqueIndex } from "drizzle-orm/pg-core";
import { createdAt, instant, organizationId } from "./columns.ts";

/** What a turn has done by its tools that others can see; a retried attempt finds here what it did already. */
export const turnWrites = pgTable(
  "turn_writes",
  {
    turnId: text("turn_id").notNull(),
    /** Names the call, equal for all attempts. */
    key: text("key").notNull(),
    organizationId: organizationId(),
    /** Counts from 0; bounded. */
    ordinal: integer("ordinal").notNull(),
    tool: text("tool").notNull(),
    /** What the agent was told; null while it is under way or when its outcome is not known. Ids alone. */
    result: jsonb("result"),
    createdAt: createdAt(),
  },
  (table) => [
    primaryKey({ columns: [table.turnId, table.key] }),
    uniqueIndex("turn_writes_ordinal").on(table.turnId, table.ordinal),
  ],
);

/** A call of a tool that came to another process than the one that runs the turn; ciphertext, and gone once it was answered. */
export const toolCalls = pgTable(
  "tool_calls",
  {
    id: text("id").primaryKey(),
    organizationId: organizationId(),
    turnId: text("turn_id").notNull(),
    tool: text("tool").notNull(),
    input: text("input").notNull(),
    result: text("result"),
    /** Taken by the process that runs the turn. */
    takenAt: instant("taken_at"),
    createdAt: createdAt(),
  },
  (table) => [index("tool_calls_turn").on(table.turnId), index("tool_calls_age").on(table.createdAt)],
);

/** What the commands in a turn's reply came to, until the agent's next turn there has it; ciphertext. */
export const commandResults = pgTable(
  "command_results",
  {
    agentId: text("agent_id").notNull(),
    sessionKey: text("session_key").notNull(),
    turnId: text("turn_id").notNull(),
    organizationId: organizationId(),
    /** Whose question the turn answered. */
    askerId: text("asker_id"),
    value: text("value").notNull(),
    createdAt: createdAt(),
  },
  (table) => [primaryKey({ columns: [table.agentId, table.sessionKey, table.turnId] })],
);
