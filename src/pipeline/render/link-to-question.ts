import type { TurnRequest } from "../../contracts/connector.ts";
import type { ReplyPart } from "../../envelope/reply.ts";
import type { RunnableTurn } from "../invoke/runnable-turn.ts";

const MAX_QUOTED_CHARS = 80;
const MARKUP = /[\\`*_~[\]<>|#!&]/gu;

/**
 * The line above an answer that says which question it answers, where several agents answer the same one among other messages; empty elsewhere.
 *
 * A reply in a thread of its own stands under its question already. Names lose their `@`: a quotation calls nobody. Pure.
 */
export function questionLine(turn: RunnableTurn, request: Pick<TurnRequest, "alsoAsked" | "trigger">): string {
  const { alsoAsked = [], trigger } = request;
  if (alsoAsked.length === 0 || turn.conversationId !== turn.replyConversationId) return "";
  const words = trigger.text.replaceAll("@", "").replace(/\s+/gu, " ").trim();
  if (words === "") return "";
  const cut = words.length > MAX_QUOTED_CHARS ? `${words.slice(0, MAX_QUOTED_CHARS).toWellFormed()}…` : words;
  return `> ${cut.replace(MARKUP, "\\$&")}\n\n`;
}

/** The parts with that line before the first text; a reply without text is linked by nothing. Pure. */
export function withQuestionLine(parts: readonly ReplyPart[], line: string): readonly ReplyPart[] {
  const first = parts.findIndex((part) => part.type === "text");
  if (line === "" || first < 0) return parts;
  return parts.map((part, index) =>
    index === first && part.type === "text"
      ? {
          ...part,
          markdown: `${line}${part.markdown}`,
          ...(part.fallbackText === undefined ? {} : { fallbackText: `${line}${part.fallbackText}` }),
        }
      : part,
  );
}
