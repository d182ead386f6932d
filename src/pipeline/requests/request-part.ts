import type { JsonValue } from "../../contracts/json.ts";
import { ApprovalRequestPart, InputRequestPart, type ReplyPart } from "../../envelope/reply.ts";
import { ParleyError } from "../../errors/parley-error.ts";
import { isWithheldAction } from "../render/withheld-notice.ts";

/** A question to people as it is kept: an approval or a form. */
export type AskedPart = Extract<ReplyPart, { type: "approval_request" | "input_request" }>;

/** How long a question stands that says nothing about it, in ms. */
const DEFAULT_EXPIRY_MS = 24 * 3_600_000;
/** Longest time a question stands, in ms. */
const MAX_EXPIRY_MS = 7 * 24 * 3_600_000;
const MIN_EXPIRY_MS = 1_000;
const MAX_SHOWN_BINDING_CHARS = 2_000;

/** Whether a part of a reply asks people something that is to be kept; what Parley asks itself has its own way. */
export function isAsked(part: ReplyPart): part is AskedPart {
  return (part.type === "approval_request" || part.type === "input_request") && !isWithheldAction(actionIdOf(part));
}

/** The agent's own id of a question. */
export function actionIdOf(part: AskedPart): string {
  return part.type === "approval_request" ? part.approvalId : part.inputId;
}

export function kindOf(part: AskedPart): "approval" | "input" {
  return part.type === "approval_request" ? "approval" : "input";
}

/** How long it stands, in ms: a day, or what it says, and seven days at most. */
export function expiryOf(part: AskedPart): number {
  const wanted = part.type === "approval_request" ? part.expiresInMs : undefined;
  return Math.min(MAX_EXPIRY_MS, Math.max(MIN_EXPIRY_MS, wanted ?? DEFAULT_EXPIRY_MS));
}

/** What the ledger or a connector gives as a question. Errors: REQUEST_INVALID. */
export function parseAsked(given: unknown): AskedPart {
  const kind = typeof given === "object" && given !== null && "type" in given ? given.type : undefined;
  const schema = kind === "input_request" ? InputRequestPart : ApprovalRequestPart;
  const parsed = schema.safeParse(given);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new ParleyError("REQUEST_INVALID", {
      detail: `not a question that can be shown: ${issue?.path.join(".") ?? ""} ${issue?.message ?? ""}`.trim(),
    });
  }
  if (isWithheldAction(actionIdOf(parsed.data)))
    throw new ParleyError("REQUEST_INVALID", { detail: "this id is one of Parley's own" });
  return parsed.data;
}

/**
 * The question with what it is about, where the agent shows nothing of that itself: nobody decides about arguments that they do not see.
 *
 * Errors: REQUEST_INVALID for more than can be shown whole.
 */
export function showingItsBinding(part: AskedPart, binding: unknown): AskedPart {
  if (part.type !== "approval_request" || part.subject !== undefined || binding === undefined || binding === null)
    return part;
  const json = JSON.stringify(JSON.parse(canonicalJson(binding)), undefined, 2);
  if (json.length > MAX_SHOWN_BINDING_CHARS)
    throw new ParleyError("REQUEST_INVALID", {
      detail: `what the decision is about has ${json.length} characters, and ${MAX_SHOWN_BINDING_CHARS} can be shown: give a subject that says it`,
    });
  const longest = Math.max(2, ...[...json.matchAll(/`+/gu)].map(([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  return { ...part, subject: `${fence}json\n${json}\n${fence}` };
}

/** What a decision is bound to: what is shown and what it is about, equal for equal values in whatever order their keys come. */
export function boundTo(part: AskedPart, binding: unknown): string {
  return canonicalJson({ part, binding: binding === undefined ? null : binding });
}

/** JSON with its keys in order; what JSON cannot say throws REQUEST_INVALID. */
export function canonicalJson(value: unknown): string {
  let plain: JsonValue;
  try {
    plain = JSON.parse(JSON.stringify(value)) as JsonValue; // what JSON gives back is JSON
  } catch (cause) {
    throw new ParleyError("REQUEST_INVALID", { cause, detail: "what a question is about must be JSON" });
  }
  return JSON.stringify(inOrder(plain));
}

function inOrder(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(inOrder);
  if (typeof value !== "object" || value === null) return value;
  const ordered: [string, JsonValue][] = Object.entries(value)
    .flatMap(([key, entry]): [string, JsonValue][] => (entry === undefined ? [] : [[key, inOrder(entry)]]))
    .toSorted(([one], [other]) => (one < other ? -1 : 1));
  return Object.fromEntries(ordered);
}
