import { readdir, readFile, stat } from "node:fs/promises";
import { basename, relative } from "node:path";
import { fileURLToPath } from "node:url";
import remarkGfm from "remark-gfm";
import remarkParse from "remark-parse";
import { unified } from "unified";

/** A part of a document under one heading. */
export interface Section {
  readonly id: string;
  /** Path of the document as a reader finds it: `README.md`, `deploy/runbook.md`. */
  readonly document: string;
  /** The headings above and of the section, outermost first. */
  readonly headings: readonly string[];
  readonly markdown: string;
}

const MAX_FILES = 300;
const MAX_FILE_BYTES = 1_000_000;
const parser = unified().use(remarkParse).use(remarkGfm);

/**
 * Guarantees the sections of all Markdown files that the given files and folders hold; a place that does not exist holds none.
 *
 * Hidden folders and `node_modules` are skipped; a folder's documents are named from its parent, as in `deploy/runbook.md`.
 */
export async function loadSections(places: readonly URL[]): Promise<readonly Section[]> {
  const sections: Section[] = [];
  for (const place of places) {
    const path = fileURLToPath(place).replace(/\/+$/, "");
    for (const file of (await findMarkdown(path)).slice(0, MAX_FILES)) {
      const name = file === path ? basename(path) : `${basename(path)}/${relative(path, file)}`;
      const text = await readFile(file, "utf8");
      if (text.length <= MAX_FILE_BYTES) sections.push(...splitSections(name, text));
    }
  }
  return sections;
}

async function findMarkdown(path: string): Promise<string[]> {
  const info = await stat(path).catch(() => undefined);
  if (info === undefined) return [];
  if (info.isFile()) return path.endsWith(".md") ? [path] : [];
  const entries = await readdir(path, { withFileTypes: true });
  const found: string[] = [];
  for (const entry of entries.sort((a, b) => a.name.localeCompare(b.name))) {
    const child = `${path}/${entry.name}`;
    if (entry.name.startsWith(".") || entry.name === "node_modules") continue;
    if (entry.isDirectory()) found.push(...(await findMarkdown(child)));
    else if (entry.name.endsWith(".md")) found.push(child);
  }
  return found;
}

/** Guarantees every word of a document in exactly one section; what stands before the first heading is named after the document. */
export function splitSections(document: string, text: string): readonly Section[] {
  const tree = parser.parse(text);
  const trail: { depth: number; title: string }[] = [];
  const sections: Section[] = [];
  let start = 0;
  const close = (end: number) => {
    const markdown = text.slice(start, end).trim();
    const headings = trail.length === 0 ? [document] : trail.map((entry) => entry.title);
    if (markdown !== "") sections.push({ id: `${document}#${sections.length}`, document, headings, markdown });
  };
  for (const node of tree.children) {
    if (node.type !== "heading") continue;
    close(node.position?.start.offset ?? start);
    while ((trail.at(-1)?.depth ?? 0) >= node.depth) trail.pop();
    trail.push({ depth: node.depth, title: titleOf(node) });
    start = node.position?.end.offset ?? start;
  }
  close(text.length);
  return sections;
}

interface TextualNode {
  readonly type: string;
  readonly value?: string;
  readonly children?: readonly TextualNode[];
}

function titleOf(node: TextualNode): string {
  return node.value ?? (node.children ?? []).map(titleOf).join("");
}
