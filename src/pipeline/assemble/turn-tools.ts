import { z } from "zod";
import type { JsonValue } from "../../contracts/json.ts";
import type { TurnTool } from "../../contracts/turn-tool.ts";
import type { SqlRunner } from "../../ledger/connection/database.ts";
import { readConversation } from "../../ledger/conversation-history.ts";
import type { RunnableTurn } from "../invoke/runnable-turn.ts";
import type { Rosters } from "./roster.ts";

const ReadInput = z.strictObject({
  limit: z.number().int().min(1).max(50).default(20),
  before: z.string().max(128).optional(),
});

const NoInput = z.strictObject({});

/** The tools of one turn: they read the conversation the turn is in, and nothing else whatever their input says. */
export function createTurnTools(sql: SqlRunner, rosters: Rosters, turn: RunnableTurn): readonly TurnTool[] {
  return [
    {
      name: "read_conversation",
      description:
        "Reads earlier messages of this conversation, newest last. Give the `order` of the oldest message you have as `before` to read further back.",
      input: ReadInput,
      async execute(input) {
        const { limit, before } = ReadInput.parse(input);
        const rows = await readConversation(sql, {
          conversationId: turn.replyConversationId,
          limit,
          before: before ?? null,
        });
        return rows.map(
          (row): JsonValue => ({
            order: row.platform_order,
            at: row.occurred_at.toISOString(),
            sender: row.sender_name,
            text: row.text,
          }),
        );
      },
    },
    {
      name: "list_members",
      description: "Lists the people and agents who are in this conversation's channel.",
      input: NoInput,
      async execute() {
        const roster = await rosters.of(turn.organizationId, turn.installationId, turn.replyPath);
        return roster.map(
          (entry): JsonValue => ({
            name: entry.name,
            kind: entry.kind,
            ...(entry.handle === undefined ? {} : { handle: `@${entry.handle}` }),
            ...(entry.description ? { description: entry.description } : {}),
          }),
        );
      },
    },
  ];
}
