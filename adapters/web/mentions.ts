import type { WebMentions } from "../../src/contracts/web-room-records.ts";
import type { ContentBlock } from "../../src/envelope/content.ts";
import { parseMarkdown, rangeOf, walkMarkdown } from "../shared/markdown-tree.ts";

/** Who can be named: agents by handle, people by name. */
export interface MentionNames {
  readonly agents: readonly { readonly handle: string }[];
  readonly people: readonly { readonly personId: string; readonly name: string }[];
}

export interface MentionedText {
  readonly content: readonly ContentBlock[];
  readonly mentions: WebMentions;
}

const EVERYONE = ["everyone", "here", "channel"];
/** Bounds the blocks of one post (the envelope takes 500) and the cost of one person's shouting. */
const MAX_MENTIONS = 100;
/** An `@` inside a word is an address, not a mention. */
const AT = /(?<![\p{L}\p{N}.@/]|[\p{L}\p{N}]_)@/gu;
const WORD = /[\p{L}\p{N}]/u;

type Named = { readonly key: string; readonly block: Extract<ContentBlock, { type: "mention" }> };

/** Splits a person's text at its mentions, the longest name first; what stands in code names nobody. */
export function readMentions(text: string, names: MentionNames): MentionedText {
  if (!text.includes("@")) return toContent(text, []);
  const known = indexNames(names);
  const code = codeRanges(text);
  const lower = text.toLowerCase();
  // Lower case may change a text's length (such as that of a dotted capital I); then positions would not fit any more.
  const haystack = lower.length === text.length ? lower : text;
  const found: { start: number; end: number; named: Named }[] = [];
  for (const { index } of text.matchAll(AT)) {
    if (found.length >= MAX_MENTIONS) break;
    if (code.some((range) => range.start <= index && index < range.end)) continue;
    const named = nameAt(haystack, index + 1, known);
    if (named !== undefined) found.push({ start: index, end: index + 1 + named.key.length, named });
  }
  return toContent(text, found);
}

function indexNames({ agents, people }: MentionNames): ReadonlyMap<string, readonly Named[]> {
  const all: Named[] = [
    ...EVERYONE.map((name): Named => ({ key: name, block: { type: "mention", target: "everyone", name } })),
    ...agents.map(
      ({ handle }): Named => ({
        key: handle.toLowerCase(),
        block: { type: "mention", target: "agent", id: handle, name: handle },
      }),
    ),
    ...people.map(
      ({ personId, name }): Named => ({
        key: name.toLowerCase(),
        block: { type: "mention", target: "person", id: personId, name },
      }),
    ),
  ];
  // A stable sort: of equal names the agent's handle wins over the person's name, and `everyone` over both.
  const sorted = all.toSorted((a, b) => b.key.length - a.key.length);
  return Map.groupBy(sorted, ({ key }) => key.charAt(0));
}

function nameAt(text: string, at: number, known: ReadonlyMap<string, readonly Named[]>): Named | undefined {
  return known.get(text.charAt(at))?.find(({ key }) => {
    if (!text.startsWith(key, at)) return false;
    const next = text.slice(at + key.length, at + key.length + 2);
    // `@guide-2` names no `guide`, but `@guide - hello` and `_@guide_` do.
    return !WORD.test(next.charAt(0)) && !(/^[-_]/.test(next) && WORD.test(next.charAt(1)));
  });
}

function codeRanges(text: string): readonly { start: number; end: number }[] {
  if (!/`|~~~|^(?: {4}|\t)/mu.test(text)) return [];
  const ranges: { start: number; end: number }[] = [];
  walkMarkdown(parseMarkdown(text), (node) => {
    if (node.type === "code" || node.type === "inlineCode") ranges.push(rangeOf(node));
    return true;
  });
  return ranges;
}

function toContent(text: string, found: readonly { start: number; end: number; named: Named }[]): MentionedText {
  const content: ContentBlock[] = [];
  let from = 0;
  for (const { start, end, named } of found) {
    if (start > from) content.push({ type: "text", markdown: text.slice(from, start) });
    content.push(named.block);
    from = end;
  }
  if (from < text.length) content.push({ type: "text", markdown: text.slice(from) });
  const idsOf = (target: string) => [
    ...new Set(
      found.flatMap(({ named: { block } }) => (block.target === target && block.id !== undefined ? [block.id] : [])),
    ),
  ];
  return {
    content,
    mentions: {
      personIds: idsOf("person"),
      agentHandles: idsOf("agent").slice(0, 50),
      everyone: found.some(({ named }) => named.block.target === "everyone"),
    },
  };
}
