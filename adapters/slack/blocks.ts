import type { ReplyPart } from "../../src/envelope/reply.ts";
import { approvalActionId, inputActionId, MAX_ACTION_ID_CHARS, STOP_ACTION_ID } from "./actions.ts";
import { packForm } from "./forms.ts";
import { cutSafely } from "./markup.ts";
import type { Block } from "./post-body.ts";

/** Slack allows 3,000; a context line is meant to be glanced at. */
export const MAX_CONTEXT_CHARS = 1_500;
const MAX_LABEL_CHARS = 75;

export function markdownBlock(text: string): Block {
  return { type: "markdown", text };
}

/** A small grey line. Plain text: nothing in it is a mention or a link. */
export function contextBlock(text: string): Block {
  const short = text.length <= MAX_CONTEXT_CHARS ? text : `${cutSafely(text, MAX_CONTEXT_CHARS - 1)}…`;
  return { type: "context", elements: [{ type: "plain_text", text: short, emoji: true }] };
}

/** Stops the agent while it works; shown where Slack has no stop button of its own. */
export function stopBlock(): Block {
  return { type: "actions", elements: [button("Stop", STOP_ACTION_ID, "stop")] };
}

type Approval = Extract<ReplyPart, { type: "approval_request" }>;

/** Undefined when the request's id does not fit into a button. */
export function approvalBlock(part: Approval): Block | undefined {
  if (approvalActionId(part.approvalId, 99).length > MAX_ACTION_ID_CHARS) return undefined;
  const elements = part.options.map((option, index) => ({
    ...button(option.label, approvalActionId(part.approvalId, index), option.id),
    ...(option.effect === "allow" ? { style: "primary" } : option.effect === "deny" ? { style: "danger" } : {}),
  }));
  return { type: "actions", elements };
}

type InputRequest = Extract<ReplyPart, { type: "input_request" }>;

/** A button that opens the form; undefined when the form does not fit into it. */
export function inputBlock(part: InputRequest): Block | undefined {
  const packed = packForm(part);
  const actionId = inputActionId(part.inputId);
  if (packed === undefined || actionId.length > MAX_ACTION_ID_CHARS) return undefined;
  return { type: "actions", elements: [{ ...button("Answer", actionId, packed), style: "primary" }] };
}

function button(label: string, actionId: string, value: string) {
  return {
    type: "button",
    text: { type: "plain_text", text: cutSafely(label, MAX_LABEL_CHARS) || "…", emoji: true },
    action_id: actionId,
    value,
  };
}
