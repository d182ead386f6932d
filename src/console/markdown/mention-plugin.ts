/** The few members of a hast node that the walk reads; the tree comes from remark-rehype, which keeps to this shape. */
interface TreeNode {
  type: string;
  tagName?: string;
  value?: string;
  properties?: Record<string, unknown>;
  children?: TreeNode[];
}

export interface MentionNames {
  /** Names and handles without the at sign, in any case. */
  readonly known: readonly string[];
  /** The reader's own names: their mentions stand out. */
  readonly self: readonly string[];
}

const UNTOUCHED = new Set(["code", "pre", "a"]);

/**
 * A rehype plugin that turns `@name` of a known member into `span.mention`.
 *
 * Code and links stay as they are, and so does a name inside a longer word, such as an e-mail address.
 */
export function mentionPlugin(names: MentionNames) {
  const pattern = mentionPattern([...names.known, ...names.self]);
  const self = new Set(names.self.map((name) => name.toLowerCase()));
  return () => (tree: TreeNode) => {
    if (pattern) walk(tree, (text) => splitMentions(text, pattern, self));
  };
}

function walk(node: TreeNode, split: (text: string) => TreeNode[]): void {
  if (!node.children || UNTOUCHED.has(node.tagName ?? "")) return;
  node.children = node.children.flatMap((child) => {
    if (child.type === "text" && child.value?.includes("@")) return split(child.value);
    walk(child, split);
    return [child];
  });
}

function splitMentions(text: string, pattern: RegExp, self: ReadonlySet<string>): TreeNode[] {
  const nodes: TreeNode[] = [];
  let end = 0;
  for (const match of text.matchAll(pattern)) {
    if (match.index > end) nodes.push({ type: "text", value: text.slice(end, match.index) });
    const own = self.has((match[1] ?? "").toLowerCase());
    nodes.push({
      type: "element",
      tagName: "span",
      properties: { className: own ? ["mention", "mention-self"] : ["mention"] },
      children: [{ type: "text", value: match[0] }],
    });
    end = match.index + match[0].length;
  }
  if (end < text.length) nodes.push({ type: "text", value: text.slice(end) });
  return nodes;
}

function mentionPattern(names: readonly string[]): RegExp | undefined {
  const usable = names.filter(Boolean).sort((a, b) => b.length - a.length);
  if (usable.length === 0) return undefined;
  return new RegExp(`(?<![\\p{L}\\p{N}_@.])@(${usable.map(escapePattern).join("|")})(?![\\p{L}\\p{N}_-])`, "giu");
}

function escapePattern(name: string): string {
  return name.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
}
