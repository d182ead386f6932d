import fc from "fast-check";
import { childrenOf, type MarkdownNode, parseMarkdown, plainWordsOf } from "../../../adapters/shared/markdown-tree.ts";
import type { ContentBlock } from "../../../src/envelope/content.ts";

/** What a person says, apart from how a platform writes it. */
export type Run =
  | { readonly kind: "words" | "strong" | "emphasis" | "delete" | "inlineCode"; readonly words: string }
  | { readonly kind: "link"; readonly words: string; readonly url: string }
  | { readonly kind: "person" }
  | { readonly kind: "agent" };
export type Said =
  | { readonly kind: "paragraph"; readonly runs: readonly Run[] }
  | { readonly kind: "code"; readonly lines: readonly string[] }
  | { readonly kind: "quote"; readonly words: string };

const words = fc.array(fc.stringMatching(/^[a-z]{2,8}$/), { minLength: 1, maxLength: 4 }).map((list) => list.join(" "));
const run: fc.Arbitrary<Run> = fc.oneof(
  { weight: 3, arbitrary: words.map((text): Run => ({ kind: "words", words: text })) },
  fc
    .tuple(fc.constantFrom("strong" as const, "emphasis" as const, "delete" as const, "inlineCode" as const), words)
    .map(([kind, text]): Run => ({ kind, words: text })),
  words.map((text): Run => ({ kind: "link", words: text, url: `https://x.example/${text.replaceAll(" ", "/")}` })),
  fc.constant<Run>({ kind: "person" }),
  fc.constant<Run>({ kind: "agent" }),
);

/** Anything a person may say: paragraphs, code and quotes in any order. */
export const said: fc.Arbitrary<readonly Said[]> = fc.array(
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.array(run, { minLength: 1, maxLength: 6 }).map((runs): Said => ({ kind: "paragraph", runs })),
    },
    fc.array(words, { minLength: 1, maxLength: 4 }).map((lines): Said => ({ kind: "code", lines })),
    words.map((text): Said => ({ kind: "quote", words: text })),
  ),
  { minLength: 1, maxLength: 5 },
);

/** What was said, as a list of marked words that is equal for equal meanings. */
export function meaningOfSaid(all: readonly Said[]): readonly string[] {
  return joined(
    all.flatMap((one) => {
      if (one.kind === "code") return [`code ${one.lines.join("\n")}`];
      if (one.kind === "quote") return [`quote ${one.words}`];
      return one.runs.map((each) => {
        if (each.kind === "person" || each.kind === "agent") return `mention ${each.kind}`;
        return each.kind === "link" ? `link ${each.words} ${each.url}` : `${each.kind} ${each.words}`;
      });
    }),
  );
}

/** What content blocks mean, in the same form; languages of code and the ids of people are left to other tests. */
export function meaningOfContent(content: readonly ContentBlock[]): readonly string[] {
  return joined(
    content.flatMap((block) => {
      switch (block.type) {
        case "text":
          return parseMarkdown(block.markdown).children.flatMap(meaningOfNode);
        case "mention":
          return [`mention ${block.target}`];
        case "code":
          return [`code ${block.code.trim()}`];
        case "quote":
          return [`quote ${block.markdown.trim()}`];
        case "media":
          return ["media"];
      }
    }),
  );
}

function meaningOfNode(node: MarkdownNode): readonly string[] {
  switch (node.type) {
    case "text":
      return [`words ${node.value}`];
    case "inlineCode":
      return [`inlineCode ${node.value}`];
    case "code":
      return [`code ${node.value}`];
    case "strong":
    case "emphasis":
    case "delete":
      return [`${node.type} ${plainWordsOf(node)}`];
    case "link":
      return [`link ${plainWordsOf(node)} ${node.url}`];
    case "blockquote":
      return [`quote ${plainWordsOf(node)}`];
    default:
      return childrenOf(node).flatMap(meaningOfNode);
  }
}

/** Where one ends and the next begins cannot be seen on every platform. */
const MERGING = ["words ", "quote "];

/** Neighbouring plain words are one run, and so are neighbouring quotes; blanks are all alike. */
function joined(parts: readonly string[]): readonly string[] {
  const result: string[] = [];
  for (const part of parts) {
    const text = part.replace(/[ \t\n]+/gu, " ").trim();
    if (text === "words" || text === "") continue;
    const last = result.at(-1);
    const merging = MERGING.find((kind) => text.startsWith(kind) && last?.startsWith(kind));
    if (merging === undefined) result.push(text);
    else result[result.length - 1] = `${last} ${text.slice(merging.length)}`;
  }
  return result;
}
