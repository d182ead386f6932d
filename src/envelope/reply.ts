import { z } from "zod";
import { SafeText, safeText } from "./content.ts";
import { wireKey } from "./ids.ts";

/** Version of the reply's shape. */
export const REPLY_VERSION = 1;
/** Most parts one reply may have; a real answer needs a handful, and a flood is refused as nonsense. */
export const MAX_REPLY_PARTS = 50;
/** Most text one reply may carry over all parts, in bytes of UTF-8. */
export const MAX_REPLY_BYTES = 262_144;
/** Largest artifact an agent may hand over inline, in bytes after base64. */
export const MAX_ARTIFACT_BYTES = 8_388_608;

const ReplyText = safeText(MAX_REPLY_BYTES);
const Label = SafeText.pipe(z.string().min(1).max(256));
const partBase = { fallbackText: ReplyText.optional() };

export const TextPart = z.strictObject({ ...partBase, type: z.literal("text"), markdown: ReplyText });

export const ToolCallPart = z.strictObject({
  ...partBase,
  type: z.literal("tool_call"),
  toolCallId: wireKey(128),
  name: Label,
  title: Label.optional(),
  input: SafeText.optional(),
});

export const ToolResultPart = z.strictObject({
  ...partBase,
  type: z.literal("tool_result"),
  toolCallId: wireKey(128),
  name: Label,
  outcome: z.enum(["ok", "error", "denied"]),
  output: SafeText.optional(),
});

/** A short line about what the agent is doing now; the newest replaces the one before. */
export const StatusPart = z.strictObject({ ...partBase, type: z.literal("status"), text: Label });

export const TaskState = z.enum(["pending", "in_progress", "completed", "failed", "cancelled"]);
export const TaskUpdatePart = z.strictObject({
  ...partBase,
  type: z.literal("task_update"),
  taskId: wireKey(128),
  title: Label,
  state: TaskState,
  detail: SafeText.optional(),
});

const Choice = z.strictObject({
  id: wireKey(64),
  label: SafeText.pipe(z.string().min(1).max(75)),
  effect: z.enum(["allow", "deny", "neutral"]).default("neutral"),
});

export const ApprovalRequestPart = z.strictObject({
  ...partBase,
  type: z.literal("approval_request"),
  approvalId: wireKey(128),
  prompt: SafeText,
  subject: SafeText.optional(),
  options: z.array(Choice).min(1).max(10),
  expiresInMs: z.number().int().positive().optional(),
});

const Field = z.strictObject({
  id: wireKey(64),
  label: SafeText.pipe(z.string().min(1).max(150)),
  kind: z.enum(["text", "paragraph", "number", "boolean", "choice"]),
  options: z.array(Choice).max(100).optional(),
  required: z.boolean().default(false),
});

export const InputRequestPart = z.strictObject({
  ...partBase,
  type: z.literal("input_request"),
  inputId: wireKey(128),
  prompt: SafeText,
  fields: z.array(Field).min(1).max(20),
});

/** A file the agent made. Bytes come inline; a path or a URL of the agent's own choosing is not accepted. */
export const ArtifactPart = z.strictObject({
  ...partBase,
  type: z.literal("artifact"),
  artifactId: wireKey(128),
  name: Label,
  mediaType: wireKey(255),
  base64: z.base64().max(Math.ceil((MAX_ARTIFACT_BYTES * 4) / 3) + 4),
});

export const ErrorPart = z.strictObject({
  ...partBase,
  type: z.literal("error"),
  code: wireKey(64),
  message: SafeText,
  retryable: z.boolean().default(false),
});

/** Names another agent that should take over; whether it may is decided by access and the loop guard. */
export const HandoffPart = z.strictObject({
  ...partBase,
  type: z.literal("handoff"),
  agent: wireKey(64),
  note: SafeText.optional(),
});

export const ReplyPart = z.discriminatedUnion("type", [
  TextPart,
  ToolCallPart,
  ToolResultPart,
  StatusPart,
  TaskUpdatePart,
  ApprovalRequestPart,
  InputRequestPart,
  ArtifactPart,
  ErrorPart,
  HandoffPart,
]);
export type ReplyPart = z.infer<typeof ReplyPart>;
export type ReplyPartInput = z.input<typeof ReplyPart>;

/** What a turn produces. Where it goes was bound at admission and is no field of it; unknown fields are refused. */
export const Reply = z.strictObject({
  version: z.literal(REPLY_VERSION).default(REPLY_VERSION),
  parts: z.array(ReplyPart).max(MAX_REPLY_PARTS),
});
export type Reply = z.infer<typeof Reply>;
export type ReplyInput = z.input<typeof Reply>;

/** Guarantees readable plain text for any part, also on a platform or client that can show nothing else. */
export function partToText(part: ReplyPart): string {
  if (part.fallbackText) return part.fallbackText;
  switch (part.type) {
    case "text":
      return part.markdown;
    case "tool_call":
      return `Using ${part.title ?? part.name}`;
    case "tool_result":
      return `${part.name}: ${part.outcome}${part.output ? `: ${part.output}` : ""}`;
    case "status":
      return part.text;
    case "task_update":
      return `${part.title}: ${part.state.replace("_", " ")}${part.detail ? ` (${part.detail})` : ""}`;
    case "approval_request":
      return `${part.prompt}\nOptions: ${part.options.map((option) => option.label).join(", ")}`;
    case "input_request":
      return `${part.prompt}\n${part.fields.map((field) => `- ${field.label}`).join("\n")}`;
    case "artifact":
      return `File: ${part.name}`;
    case "error":
      return part.message;
    case "handoff":
      return `Handing over to @${part.agent}${part.note ? `: ${part.note}` : ""}`;
  }
}
