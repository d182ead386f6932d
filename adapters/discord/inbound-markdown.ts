import type { ContentBuilder } from "../shared/content-builder.ts";
import type { InboundContext } from "./inbound-context.ts";

const FENCE = /```(?:([\w+#.-]{1,32})\n)?([\s\S]+?)```/gu;
const CODE_SPAN = /(``[^`\n](?:[^\n]*?[^`\n])?``|`[^`\n]+`)/u;
/** Everything that Discord writes in angle brackets, and its words for everybody. https://docs.discord.com/developers/reference#message-formatting */
const SEQUENCE =
  /<(?:@!?(?<user>\d{1,20})|@&(?<role>\d{1,20})|#(?<channel>\d{1,20})|a?:(?<emoji>\w{1,64}):\d{1,20}|t:(?<time>-?\d{1,13})(?::[a-zA-Z])?|\/(?<command>[^<>:\n]{1,100}):\d{1,20}|id:(?<place>[a-z-]{1,32})(?::\d{1,20})?|(?<url>https?:\/\/[^<>\s]+))>|@(?<all>everyone|here)\b/gu;
/** Discord underlines what Markdown would make bold; in an address and in a name such as `__init__.py` the signs are letters. */
const UNDERLINE = /(https?:\/\/[^\s<>]+|\]\([^()\s]*\))|(?<![\\_\w])__(?=\S)((?:(?!__)[^\n])*\S)__(?![_\w(]|\.\w)/gu;
const SUBTEXT = /^-# +/gmu;

/** Reads Discord's Markdown into content blocks: its own sequences become mentions, times and names. Any text is readable. */
export function readMarkdown(text: string, into: ContentBuilder, context: InboundContext, everyone: boolean): void {
  let from = 0;
  for (const fence of text.matchAll(FENCE)) {
    readLines(text.slice(from, fence.index), into, context, everyone);
    into.code((fence[2] ?? "").replace(/^\n|\n$/gu, ""), fence[1]);
    from = fence.index + fence[0].length;
    if (text[from] === "\n") from += 1;
  }
  readLines(text.slice(from), into, context, everyone);
}

/** Quoted lines are words of somebody else, and name nobody; `>>>` quotes all that follows. */
function readLines(text: string, into: ContentBuilder, context: InboundContext, everyone: boolean): void {
  if (text === "" || text === "\n") return;
  if (!/^>/mu.test(text)) return readInline(text, into, context, everyone);
  const lines = text.split("\n");
  let prose: string[] = [];
  let quote: string[] = [];
  const flushProse = (more: boolean): void => {
    if (prose.length > 0) readInline(prose.join("\n") + (more ? "\n" : ""), into, context, everyone);
    prose = [];
  };
  const flushQuote = (): void => {
    if (quote.length > 0) into.quote(plainSequences(quote.join("\n"), context));
    quote = [];
  };
  for (const [index, line] of lines.entries()) {
    if (line.startsWith(">>> ")) {
      flushProse(true);
      quote.push(line.slice(4), ...lines.slice(index + 1));
      break;
    }
    if (/^>(?: |$)/u.test(line)) {
      flushProse(true);
      quote.push(line.slice(2));
    } else {
      flushQuote();
      prose.push(line);
    }
  }
  flushQuote();
  flushProse(false);
}

function readInline(text: string, into: ContentBuilder, context: InboundContext, everyone: boolean): void {
  text.split(CODE_SPAN).forEach((part, index) => {
    // split() with a group puts the separators at the odd places.
    if (index % 2 === 1) into.verbatim(part);
    else readWords(part, into, context, everyone);
  });
}

function readWords(text: string, into: ContentBuilder, context: InboundContext, everyone: boolean): void {
  const marked = text
    .replace(UNDERLINE, (_all, address?: string, words?: string) => address ?? `*${words}*`)
    .replace(SUBTEXT, "");
  let from = 0;
  for (const match of marked.matchAll(SEQUENCE)) {
    into.prose(marked.slice(from, match.index));
    from = match.index + match[0].length;
    const { user, role, channel, all } = match.groups ?? {};
    if (user !== undefined) into.person(user, undefined);
    else if (role !== undefined) readRole(role, into, context);
    else if (channel !== undefined) into.channel(channel, context.channelName(channel));
    // Without the permission to do so, the word notifies nobody and stays a word.
    else if (all !== undefined && everyone) into.everyone(all);
    else into.prose(plainForm(match, context));
  }
  into.prose(marked.slice(from));
}

/** The bot's own role stands for the bot, a role with an agent's name for that agent. */
function readRole(roleId: string, into: ContentBuilder, context: InboundContext): void {
  if (roleId === context.botRoleId) return into.person(context.botUserId, undefined);
  const name = context.roleName(roleId);
  const agent = name === undefined ? undefined : context.agents.byHandle(name);
  if (agent !== undefined) into.prose(`@${agent}`);
  else into.group(roleId, name);
}

/** A sequence as people read it. */
function plainForm(match: RegExpExecArray | RegExpMatchArray, context: InboundContext): string {
  const { user, role, channel, emoji, time, command, place, url, all } = match.groups ?? {};
  if (user !== undefined) return `@${context.person(user)?.name ?? user}`;
  if (role !== undefined) return `@${context.roleName(role) ?? role}`;
  if (channel !== undefined) return `#${context.channelName(channel) ?? channel}`;
  if (emoji !== undefined) return `:${emoji}:`;
  if (time !== undefined) return isoTime(Number(time)) ?? match[0];
  if (command !== undefined) return `/${command}`;
  if (place !== undefined) return `#${place}`;
  return url ?? (all === undefined ? match[0] : `@${all}`);
}

function plainSequences(text: string, context: InboundContext): string {
  let result = "";
  let from = 0;
  for (const match of text.matchAll(SEQUENCE)) {
    result += text.slice(from, match.index) + plainForm(match, context);
    from = match.index + match[0].length;
  }
  return result + text.slice(from);
}

function isoTime(seconds: number): string | undefined {
  const date = new Date(seconds * 1_000);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString().replace(".000Z", "Z");
}
