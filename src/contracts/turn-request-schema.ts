import { z } from "zod";
import { ContentBlock } from "../envelope/content.ts";
import { ConversationPath } from "../envelope/conversation.ts";
import type { CommandResult, RosterEntry, TranscriptMessage, TurnRequest } from "./connector.ts";
import type { JsonValue } from "./json.ts";

/** The shapes of a turn as agents get them, for whoever reads them off a wire. Fields that are not known yet are let through. */
const Kind = z.enum(["human", "agent", "bot", "external_guest"]);

export const JsonValueSchema: z.ZodType<JsonValue> = z.json();

const ActionTakenSchema = z.object({
  actionId: z.string(),
  value: z.string().exactOptional(),
  fields: z.record(z.string(), z.string()),
});

export const TranscriptMessageSchema = z.object({
  messageId: z.string(),
  conversationId: z.string(),
  sender: z.object({ id: z.string(), kind: Kind, name: z.string(), agent: z.string().exactOptional() }),
  content: z.array(ContentBlock).readonly(),
  text: z.string(),
  occurredAt: z.string(),
  edited: z.boolean(),
  action: ActionTakenSchema.exactOptional(),
}) satisfies z.ZodType<TranscriptMessage>;

export const RosterEntrySchema = z.object({
  id: z.string(),
  kind: Kind,
  name: z.string(),
  handle: z.string().exactOptional(),
  description: z.string().exactOptional(),
}) satisfies z.ZodType<RosterEntry>;

const CommandResultSchema = z.object({
  name: z.string(),
  ok: z.boolean(),
  result: JsonValueSchema,
}) satisfies z.ZodType<CommandResult>;

export const TurnRequestSchema = z.object({
  turnId: z.string(),
  attempt: z.number().int().min(1),
  organizationId: z.string(),
  agent: z.object({
    agentId: z.string(),
    handle: z.string(),
    name: z.string(),
    avatarUrl: z.string().exactOptional(),
    color: z.string(),
  }),
  sessionKey: z.string(),
  reason: z.enum([
    "mention",
    "direct_message",
    "reply_to_agent",
    "thread_participant",
    "subscription",
    "command",
    "action",
    "handoff",
    "schedule",
  ]),
  conversation: z.object({ conversationId: z.string(), platform: z.string(), path: ConversationPath }),
  trigger: TranscriptMessageSchema,
  transcript: z.array(TranscriptMessageSchema).readonly(),
  roster: z.array(RosterEntrySchema).readonly(),
  alsoAsked: z.array(z.string()).readonly().exactOptional(),
  answeredBy: z.array(z.string()).readonly().exactOptional(),
  commandResults: z.array(CommandResultSchema).readonly().exactOptional(),
  deadlineAt: z.string(),
}) satisfies z.ZodType<TurnRequest>;
