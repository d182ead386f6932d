import { createHash } from "node:crypto";
import { z } from "zod";
import type { ReplyPartInput } from "../../src/envelope/reply.ts";
import { ALLOW, AnswerShape, DENY, fieldsOf, isApproval } from "./answer-shape.ts";
import { toShown } from "./shown-arguments.ts";

const MAX_PROMPT_CHARS = 4_000;

/** A call of a tool, as the protocol's messages hold it. */
const CallMade = z.strictObject({ id: z.string(), name: z.string(), arguments: z.string() });
export type CallMade = z.infer<typeof CallMade>;

/**
 * Something that a run waits for, in whichever of its three styles the server said so: `resume` is answered by an entry of resume[], `command`
 * by forwardedProps.command (LangGraph before its structured outcome), `tool_call` by a tool message (ADK).
 */
export const OpenQuestion = z.strictObject({
  style: z.enum(["resume", "command", "tool_call"]),
  /** The server's own id of it; empty where it gave none. */
  id: z.string(),
  /** The id under which people were asked. */
  actionId: z.string(),
  shape: AnswerShape,
  call: CallMade.optional(),
  /** As the server said it, for servers that want it back with the answer. */
  value: z.unknown().optional(),
  /** ISO 8601. */
  expiresAt: z.string().optional(),
  /** What was answered already, while others of the same run are open. */
  answered: z.strictObject({ payload: z.unknown() }).optional(),
});
export type OpenQuestion = z.infer<typeof OpenQuestion>;

/** A question with what people read of it. */
export interface AskedQuestion {
  readonly open: OpenQuestion;
  readonly prompt: string;
}

/** A short id of a question that every platform takes, different for each turn and question. */
export function actionIdOf(turnId: string, questionId: string): string {
  return `q_${createHash("sha256").update(`${turnId}\n${questionId}`).digest("hex").slice(0, 32)}`;
}

/** The part that asks people. What is not known to expire is left to Parley's own limit. Pure. */
export function toPart({ open, prompt }: AskedQuestion, nowMs: number): ReplyPartInput {
  const asked = clip(prompt.trim() === "" ? "The agent asks for an answer." : prompt, MAX_PROMPT_CHARS);
  if (!isApproval(open.shape)) {
    const subject = subjectOf(open);
    const fields = fieldsOf(open.shape);
    return {
      type: "input_request",
      inputId: open.actionId,
      prompt: subject === undefined ? asked : `${asked}\n${subject}`,
      fields,
    };
  }
  const expiresInMs = open.expiresAt === undefined ? Number.NaN : Math.floor(Date.parse(open.expiresAt) - nowMs);
  const subject = subjectOf(open);
  return {
    type: "approval_request",
    approvalId: open.actionId,
    prompt: asked,
    options: [
      { id: ALLOW, label: "Approve", effect: "allow" },
      { id: DENY, label: "Deny", effect: "deny" },
    ],
    ...(subject === undefined ? {} : { subject }),
    ...(expiresInMs > 0 ? { expiresInMs } : {}),
  };
}

export function hasExpired(open: OpenQuestion, nowMs: number): boolean {
  return open.expiresAt !== undefined && Date.parse(open.expiresAt) <= nowMs;
}

function subjectOf({ call }: OpenQuestion): string | undefined {
  return call === undefined ? undefined : `${call.name}(${toShown(call.arguments)})`;
}

function clip(text: string, maxChars: number): string {
  return text.length > maxChars ? `${text.slice(0, maxChars).toWellFormed()} […]` : text;
}
