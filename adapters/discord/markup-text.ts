import { isListedLink, WORD_JOINER } from "../shared/markdown-safety.ts";

export interface MarkupOptions {
  /** User ids whose mentions may notify. */
  readonly mentionable: readonly string[];
  readonly linkHosts: readonly string[];
}

/** What Discord's clients would execute: mentions, channels, emoji, times, commands, places. */
const SEQUENCE = /<(?=@|#\d|a?:\w|t:-?\d|\/\w|id:\w)/gu;
const OWN_MENTION = /<@!?(\d{1,20})>/gu;
const MASS_MENTION = /@(?=everyone|here)/giu;
const LINE_START = /^([ \t]*)(#{1,3} |-# |>{1,3} |[-+] )/gmu;
const NUMBERED_LINE = /^([ \t]*\d{1,9})\. /gmu;
/** Signs of Markdown; an underscore inside a word is none. */
const SIGNS = /\\|\*|`|~~|\|\||(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/gu;

/** Text that Discord shows sign by sign as it is: no markup, no link, no mention but those of `mentionable` people. */
export function escapeText(text: string, options: MarkupOptions): string {
  let result = "";
  let from = 0;
  for (const match of text.matchAll(OWN_MENTION)) {
    const id = match[1] ?? "";
    if (!options.mentionable.includes(id)) continue;
    result += escapeAll(text.slice(from, match.index)) + `<@${id}>`;
    from = match.index + match[0].length;
  }
  return result + escapeAll(text.slice(from));
}

function escapeAll(text: string): string {
  return inert(text.replace(SIGNS, (sign) => Array.from(sign, (one) => `\\${one}`).join("")))
    .replace(LINE_START, (_all, indent: string, sign: string) => `${indent}\\${sign}`)
    .replace(NUMBERED_LINE, "$1\\. ")
    .replace(/\](?=\()/gu, `]${WORD_JOINER}`);
}

/** Takes the effect of sequences, addresses and mass mentions, and leaves what people read. */
export function inert(text: string): string {
  return text
    .replace(SEQUENCE, `<${WORD_JOINER}`)
    .replace(MASS_MENTION, `@${WORD_JOINER}`)
    .replace(/:\/\//gu, `:${WORD_JOINER}//`);
}

/** Code within a line. Discord has no longer marks for code that holds backticks at its ends. */
export function codeSpan(code: string): string {
  const oneLine = code.replace(/\s*\n\s*/gu, " ");
  if (oneLine.trim() === "") return oneLine;
  return oneLine.includes("`") ? `\`\` ${oneLine.replace(/`(?=`)/gu, `\`${WORD_JOINER}`)} \`\`` : `\`${oneLine}\``;
}

/** A block of code; three backticks inside would end it, and Discord knows no longer fence. */
export function codeBlock(code: string, language = ""): string {
  return `\`\`\`${language.replace(/[^\w+#.-]/gu, "").slice(0, 32)}\n${code.replace(/`(?=``)/gu, `\`${WORD_JOINER}`)}\n\`\`\``;
}

/**
 * A link as Discord shows it without an embed, or its words with the address in code where its host is not listed.
 *
 * Words that look like an address of their own never hide another one.
 */
export function linkText(label: string, words: string, url: string, options: MarkupOptions): string {
  const shown = shownUrl(url);
  const bare = words.trim() === "" || words === url || words === shown || `mailto:${words}` === url;
  if (!isListedLink(url, options.linkHosts)) {
    if (url.startsWith("mailto:") && bare) return label;
    return bare ? codeSpan(shown || words) : `${label} (${codeSpan(shown)})`;
  }
  const address = `<${url.replace(/[<>\s]/gu, (sign) => encodeURIComponent(sign))}>`;
  if (bare) return address;
  return /^\s*(?:\w+:\/\/|www\.|[\w-]+(?:\.[\w-]+)+(?:[/\s:?#]|$))/u.test(words)
    ? `${label} (${address})`
    : `[${label}](${address.replaceAll("(", "%28").replaceAll(")", "%29")})`;
}

/** An address as people can read and copy it, but no client takes it for a link. */
function shownUrl(url: string): string {
  return url
    .replace(/^https?:\/\//iu, "")
    .replace(/^mailto:/iu, "")
    .replaceAll("`", "%60");
}
