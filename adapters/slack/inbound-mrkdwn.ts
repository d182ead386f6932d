import type { ContentBuilder } from "../shared/content-builder.ts";

const SPECIAL = /[<&*~`\u2022\u25e6\u25aa]/u;
const FENCE = /```([\s\S]*?)```/gu;
const QUOTE_LINE = /^(?:&gt;|>)\s?/u;
const CODE_SPAN = /(`[^`\n]+`)/u;
const BOLD = /(?<![\w*])\*(?=\S)([^*\n]*[^\s*])\*(?![\w*])/gu;
const STRIKE = /(?<![\w~])~(?=\S)([^~\n]*[^\s~])~(?![\w~])/gu;
const BULLET = /^([ \t]*)[\u2022\u25e6\u25aa][ \t]+/gmu;
const ANGLE = /<([^<>\n]*)>/gu;

/**
 * Reads Slack's mrkdwn into Markdown blocks: control sequences become mentions, `&amp; &lt; &gt;` their signs.
 *
 * https://docs.slack.dev/messaging/formatting-message-text
 */
export function readMrkdwn(text: string, into: ContentBuilder): void {
  if (!SPECIAL.test(text) && !text.includes(">")) {
    into.prose(text);
    return;
  }
  let from = 0;
  for (const fence of text.matchAll(FENCE)) {
    readLines(text.slice(from, fence.index), into);
    into.code(unescapeEntities(withoutAngles(fence[1] ?? "")).replace(/^\n|\n$/gu, ""));
    from = fence.index + fence[0].length;
    if (text[from] === "\n") from += 1;
  }
  readLines(text.slice(from), into);
}

/** Slack writes exactly these three signs as entities. */
export function unescapeEntities(text: string): string {
  return text.includes("&") ? text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&") : text;
}

function readLines(text: string, into: ContentBuilder): void {
  if (text === "" || text === "\n") return;
  if (!/^(?:&gt;|>)/mu.test(text)) {
    readInline(text, into);
    return;
  }
  let prose: string[] = [];
  let quote: string[] = [];
  const flushProse = (): void => {
    if (prose.length > 0) readInline(`${prose.join("\n")}\n`, into);
    prose = [];
  };
  const flushQuote = (): void => {
    if (quote.length > 0) into.quote(unescapeEntities(withoutAngles(quote.join("\n"))));
    quote = [];
  };
  for (const line of text.split("\n")) {
    if (QUOTE_LINE.test(line)) {
      flushProse();
      quote.push(line.replace(QUOTE_LINE, ""));
    } else {
      flushQuote();
      prose.push(line);
    }
  }
  flushQuote();
  if (prose.length > 0) readInline(prose.join("\n"), into);
}

function readInline(text: string, into: ContentBuilder): void {
  text.split(CODE_SPAN).forEach((part, index) => {
    // split() with a group puts the separators at the odd places.
    if (index % 2 === 1) into.verbatim(unescapeEntities(withoutAngles(part)));
    else readWords(part, into);
  });
}

function readWords(text: string, into: ContentBuilder): void {
  const marked = text.replace(BOLD, "**$1**").replace(STRIKE, "~~$1~~").replace(BULLET, "$1- ");
  let from = 0;
  for (const angle of marked.matchAll(ANGLE)) {
    into.prose(unescapeEntities(marked.slice(from, angle.index)));
    readSequence(angle[1] ?? "", into);
    from = angle.index + angle[0].length;
  }
  into.prose(unescapeEntities(marked.slice(from)));
}

function readSequence(sequence: string, into: ContentBuilder): void {
  const bar = sequence.indexOf("|");
  const target = bar === -1 ? sequence : sequence.slice(0, bar);
  const label = bar === -1 ? undefined : unescapeEntities(sequence.slice(bar + 1)) || undefined;
  const id = /^[@#]([A-Z0-9]{2,64})$/u.exec(target)?.[1];
  if (id !== undefined && target.startsWith("@")) into.person(id, label);
  else if (id !== undefined) into.channel(id, label);
  else if (target === "!channel" || target === "!here" || target === "!everyone") into.everyone(target.slice(1));
  else if (target.startsWith("!subteam^")) {
    const groupId = target.slice("!subteam^".length);
    if (/^[A-Z0-9]{2,64}$/u.test(groupId)) into.group(groupId, label);
    else into.verbatim(label ?? "");
  } else if (target.startsWith("!")) into.verbatim(label ?? "");
  else into.verbatim(linkToMarkdown(unescapeEntities(target), label));
}

/** `<url|label>` as Markdown; an address as label stays the address. */
export function linkToMarkdown(url: string, label: string | undefined): string {
  const bare = url.replace(/^(?:mailto|tel):/u, "");
  if (label === undefined || label === url || label === bare || url === `http://${label}`) return bare;
  return `[${label.replace(/[[\]]/gu, "\\$&")}](${url.replaceAll(")", "%29").replaceAll(" ", "%20")})`;
}

/** In code and quotes, sequences are words: `<https://x|x>` reads x, `<@U1>` reads @U1. */
function withoutAngles(text: string): string {
  return text.includes("<")
    ? text.replace(ANGLE, (_all, inner: string) => inner.slice(inner.indexOf("|") + 1).replace(/^!/u, "@"))
    : text;
}
