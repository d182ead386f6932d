/** The few members of an mdast node that the walk reads. */
interface TreeNode {
  type: string;
  value?: string;
  children?: TreeNode[];
}

/** A remark plugin that keeps the line breaks of the writer: in chat a new line means a new line. */
export function softBreaks() {
  return (tree: TreeNode) => walk(tree);
}

function walk(node: TreeNode): void {
  if (!node.children) return;
  node.children = node.children.flatMap((child) => {
    if (child.type === "text" && child.value?.includes("\n")) return splitLines(child.value);
    walk(child);
    return [child];
  });
}

function splitLines(text: string): TreeNode[] {
  return text.split("\n").flatMap((line, index): TreeNode[] => {
    const content: TreeNode[] = line === "" ? [] : [{ type: "text", value: line }];
    return index === 0 ? content : [{ type: "break" }, ...content];
  });
}
