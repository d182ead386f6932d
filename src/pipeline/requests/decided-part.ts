import type { ReplyPart } from "../../envelope/reply.ts";
import type { AskedPart } from "./request-part.ts";

/** How a question ended, as far as its message says it. */
export interface RequestEnd {
  readonly kind: "approval" | "input";
  readonly state: "decided" | "expired" | "cancelled";
  readonly reason?: string | null;
  readonly optionId?: string | null;
  readonly effect?: "allow" | "deny" | "neutral" | null;
  readonly by?: string | null;
  readonly at: Date;
}

/** Longest question that its decision repeats, in UTF-16 code units; what is longer stands in the messages before. */
const MAX_REPEATED_CHARS = 2_000;

/** What the message of a question becomes once it is decided or over: the question, and in place of its buttons who decided what and when. Pure. */
export function decidedPart(part: AskedPart | undefined, end: RequestEnd, short = false): ReplyPart {
  const outcome = outcomeOf(part, end);
  const asked = part === undefined || short ? "" : askedText(part);
  const plain = outcome.replaceAll(/\\(?=[^\w\s])/gu, "").replaceAll("**", "");
  return {
    type: "text",
    markdown: asked === "" ? outcome : `${asked}\n\n${outcome}`,
    fallbackText: asked === "" ? plain : `${asked}\n${plain}`,
  };
}

/** What somebody is told alone whose choice came too late. Pure. */
export function tooLatePart(part: AskedPart | undefined, end: RequestEnd): ReplyPart {
  const outcome = outcomeOf(part, end);
  return { type: "text", markdown: `Your choice came too late and changed nothing. ${outcome}` };
}

/** What somebody is told alone whose choice was refused. Pure. */
export function refusedPart(rule: string): ReplyPart {
  return { type: "text", markdown: `${REFUSALS[rule] ?? OTHER_REFUSALS(rule)} The question stays open.` };
}

const REFUSALS: Readonly<Record<string, string>> = {
  not_a_person: "Only people decide such questions.",
  not_the_addressee: "This question was put to somebody else, who alone answers it.",
  not_a_member: "Only members of this conversation may decide this.",
  membership_unknown: "It could not be found out whether you may decide this; try again in a moment.",
  facts_too_old: "It could not be found out whether you may decide this; try again in a moment.",
  identity_not_in_channel: "The agent is not in this conversation any more.",
  agent_paused: "The agent is paused and could not go on.",
  agent_stopped: "The agent was stopped and could not go on.",
  agent_removed: "The agent was removed.",
  organization_stopped: "All agents are stopped here for now.",
  taken_over: "A person has taken this conversation over; the agent could not go on.",
  no_such_option: "That is no option of this question.",
  field_missing: "A field that is needed is empty.",
  field_invalid: "A field holds a value that does not fit.",
  elsewhere: "This question was asked in another place.",
};

const OTHER_REFUSALS = (rule: string): string => `You may not decide this here (${rule}).`;

function outcomeOf(part: AskedPart | undefined, end: RequestEnd): string {
  const at = `${end.at.toISOString().slice(0, 16).replace("T", " ")} UTC`;
  switch (end.state) {
    case "decided": {
      const who = escaped(end.by ?? "somebody");
      if (end.kind === "input") return `☑️ Answered by ${who}, ${at}`;
      const sign = end.effect === "allow" ? "✅" : end.effect === "deny" ? "❌" : "☑️";
      return `${sign} **${escaped(labelOf(part, end.optionId ?? ""))}**, decided by ${who}, ${at}`;
    }
    case "expired":
      return `⌛ Nobody decided in time, ${at}`;
    case "cancelled":
      return `🚫 ${CANCELLED[end.reason ?? ""] ?? "Called off: the agent does not wait for it any more"}, ${at}`;
  }
}

const CANCELLED: Readonly<Record<string, string>> = {
  message_deleted: "Called off: the message was deleted",
  could_not_be_shown: "Called off: it could not be shown",
};

function labelOf(part: AskedPart | undefined, optionId: string): string {
  const options = part?.type === "approval_request" ? part.options : [];
  return options.find((option) => option.id === optionId)?.label ?? optionId;
}

function askedText(part: AskedPart): string {
  const subject = part.type === "approval_request" ? part.subject : undefined;
  const text = subject === undefined ? part.prompt : `${part.prompt}\n\n${subject.replace(/^/gmu, "> ")}`;
  return text.length <= MAX_REPEATED_CHARS ? text : "";
}

/** Names and labels are people's own words: nothing in them is markup here. */
export function escaped(text: string): string {
  return text
    .slice(0, 80)
    .replaceAll(/[\r\n]+/gu, " ")
    .replaceAll(/[\\`*_[\]<>#|~]/gu, "\\$&");
}
