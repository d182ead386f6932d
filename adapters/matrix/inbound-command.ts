import { contentToText } from "../../src/envelope/content.ts";
import type { Sender } from "../../src/envelope/conversation.ts";
import { askCode, optionOfWords } from "./ask.ts";
import { plainBody, readContent } from "./inbound-body.ts";
import { type InboundContext, isOwn, type Translation } from "./inbound-context.ts";
import { envelopeBase } from "./inbound-envelope.ts";
import type { Raw } from "./raw.ts";
import { repliedTo } from "./relations.ts";

interface Said {
  readonly event: Raw;
  readonly content: Raw;
  readonly eventId: string;
  readonly sender: Sender;
  readonly threadId: string | undefined;
}

const DECISION = /^!(approve|deny|choose)(?:\s+([\s\S]*))?$/iu;

/**
 * Translates what people type where other platforms have buttons and slash commands.
 *
 * `!parley stop`, `!parley ask @guide …`; `!approve`, `!deny`, `!choose 2` as a reply to a request, or with the code it shows:
 * `!approve 3fa9c1`. Undefined for everything else.
 */
export function translateCommand(said: Said, context: InboundContext): Translation | undefined {
  const body = plainBody(said.content).trim();
  if (!body.startsWith("!")) return undefined;
  return decision(said, body, context) ?? command(said, body, context);
}

function decision(said: Said, body: string, context: InboundContext): Translation | undefined {
  const match = DECISION.exec(body);
  const { related } = context;
  if (match === null || related?.ask?.kind !== "approval" || !isOwn(context, related.sender)) return undefined;
  const [, verb = "", rest = ""] = match;
  const words = rest.replace(new RegExp(`^${askCode(related.ask.id)}\\b`, "iu"), "").trim();
  const option = optionOfWords(related.ask, words === "" ? verb : words);
  if (option === undefined) return { outcome: "ignored", reason: "a decision that names no option" };
  return {
    outcome: "envelope",
    envelope: {
      ...envelopeBase(context, said.event, said.sender, related.threadId, ["action", said.eventId]),
      kind: "action_submitted",
      body: { actionId: related.ask.id, value: option.id, messageId: related.eventId, fields: {} },
    },
  };
}

function command(said: Said, body: string, context: InboundContext): Translation | undefined {
  const word = /^\S+/u.exec(body)?.[0] ?? "";
  if (word.toLowerCase() !== context.command) return undefined;
  const rest = body.slice(word.length).trimStart();
  const name = /^[A-Za-z][\w-]{0,63}(?=\s|$)/u.exec(rest)?.[0];
  const text = name === undefined ? rest : rest.slice(name.length).trimStart();
  const parsed = readContent({ body: text, "m.mentions": said.content["m.mentions"] }, "m.text", context);
  return {
    outcome: "envelope",
    envelope: {
      ...envelopeBase(context, said.event, said.sender, said.threadId, ["command", said.eventId]),
      kind: "command_invoked",
      body: {
        command: name?.toLowerCase() ?? (rest === "" ? "help" : "ask"),
        text: contentToText(parsed.content).trim(),
        mentions: parsed.mentions,
      },
    },
  };
}

/** What an event has to know of another before it can be translated: the request that a reply or a code names. */
export function requestNamed(
  content: Raw | undefined,
): { readonly eventId: string } | { readonly code: string } | undefined {
  if (content === undefined) return undefined;
  const eventId = repliedTo(content);
  if (eventId !== undefined) return { eventId };
  const code = /^!(?:approve|deny|choose)\s+([0-9a-f]{6})\b/iu.exec(plainBody(content).trim())?.[1];
  return code === undefined ? undefined : { code: code.toLowerCase() };
}
