import { fenced, readFence } from "./markdown-fence.ts";
import {
  bareLink,
  codeSpan,
  described,
  encodeSigns,
  type InertOptions,
  inertProse,
  inertText,
  isListedLink,
  shownUrl,
  WORD_JOINER,
} from "./markdown-inert.ts";
import { withoutReferences } from "./markdown-references.ts";
import { type MarkdownStretch, maskStretches, stretchesOf } from "./markdown-stretches.ts";
import {
  childrenOf,
  hasRange,
  type MarkdownNode,
  type MarkdownRoot,
  parseMarkdown,
  rangeOf,
  walkMarkdown,
} from "./markdown-tree.ts";

export { isListedLink, WORD_JOINER } from "./markdown-inert.ts";

export interface NeutraliseOptions {
  /** Hosts (exact or `*.example.org`) whose links stay links; `*` lets all stay. Links to others become inert text. */
  readonly linkHosts: readonly string[];
  /** Says of a sequence in angle brackets (such as `<@U123>`) whether it may stay as it is. Default: none may. */
  readonly keepSequence?: (sequence: string) => boolean;
}

/** Text that holds none of these cannot mention, link or break out; most replies are such, and need no parser. */
const SUSPICIOUS = /[<&\\]|\]\(|\]:|:\/\/|www\.|`{3}|~{3}|@(?:here|channel|everyone)|^(?: {4}|\t)/imu;
/** Sequences that Slack executes even where Markdown sees code. https://docs.slack.dev/messaging/formatting-message-text */
const CONTROL_IN_CODE = /<(?=!(?:channel|here|everyone|subteam\^|date\^)|[@#][A-Z][A-Z0-9])/gu;
const ANGLE_SEQUENCE = /<[@!#][^<>\s]{1,200}>/uy;
/** Entities for signs that make links and control sequences; decoded late they would come back to life. */
const HIDDEN_SIGN =
  /&(?=#\d{1,7};|#[xX][0-9a-fA-F]{1,6};|(?:LT|colon|sol|period|commat|excl|num|lbrack|lsqb|lpar|bsol|grave|NewLine|Tab);)/gu;

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/**
 * Guarantees Markdown in which no text, link, image or raw HTML notifies anybody, fetches anything or acts as a platform's
 * control sequence, apart from what `options` lets stay.
 *
 * The author's own formatting is kept character by character; applying it twice changes nothing more. Links to unlisted
 * hosts read as their label and `host/path` in code, images read as their description and address, raw HTML is shown as text.
 */
export function neutraliseMarkdown(source: string, options: NeutraliseOptions): string {
  if (!SUSPICIOUS.test(source)) return source;
  const resolved = withoutReferences(source);
  if (!resolved.includes("<") && !resolved.includes("&")) return neutraliseTree(resolved, options);
  // An escaped sign may make a definition of what was none: `[a]: <b`.
  return neutraliseTree(withoutReferences(escapeAngles(resolved, options)), options);
}

/** What was asked for, with what was found out about the text as a whole. */
type TreeOptions = NeutraliseOptions & InertOptions;

interface Looked {
  /** The source with blanks for what needs no parser: code, and prose that holds nothing to mention, link or break out. */
  readonly prose: string;
  readonly fences: readonly MarkdownStretch[];
  /** A backtick outside code: another renderer may see code begin and end elsewhere, so code is no safe place here. */
  readonly strayBacktick: boolean;
}

function lookAt(source: string): Looked {
  const stretches = stretchesOf(source);
  let strayBacktick = false;
  const prose = maskStretches(source, stretches, ({ isFence }, text) => {
    if (isFence) return false;
    const isKept = SUSPICIOUS.test(text);
    if (!isKept && text.includes("`")) strayBacktick ||= text.split("`").length % 2 === 0;
    return isKept;
  });
  return { prose, fences: stretches.filter(({ isFence }) => isFence), strayBacktick };
}

/** First pass: afterwards no `<` stands outside code, so that the second pass meets no raw HTML that could hide a link. */
function escapeAngles(source: string, options: NeutraliseOptions): string {
  const { prose, fences } = lookAt(source);
  const edits: Edit[] = fences.map(({ start, end }) => ({
    start,
    end,
    text: source.slice(start, end).replace(CONTROL_IN_CODE, `<${WORD_JOINER}`),
  }));
  walkMarkdown(parseMarkdown(prose), (node) => {
    if (!hasRange(node)) return false;
    if (node.type === "code" || node.type === "inlineCode") {
      const { start, end } = rangeOf(node);
      const text = source.slice(start, end);
      edits.push({ start, end, text: text.replace(CONTROL_IN_CODE, `<${WORD_JOINER}`) });
      return false;
    }
    if (node.type === "link" && source[rangeOf(node).start] === "<") {
      const { start, end } = rangeOf(node);
      edits.push({
        start,
        end,
        text: options.keepSequence?.(source.slice(start, end))
          ? source.slice(start, end)
          : bareLink(node.url, { ...options, doubtful: false }),
      });
      return false;
    }
    // Addresses in angle brackets stay for the second pass, which rewrites them.
    const address = addressRange(node);
    if (address !== undefined) edits.push({ ...address, text: source.slice(address.start, address.end) });
    return true;
  });
  return applyEdits(source, edits, (text) => escapeText(text, options));
}

function addressRange(node: MarkdownNode): { start: number; end: number } | undefined {
  if (node.type === "image") return rangeOf(node);
  if (node.type !== "link") return undefined;
  const { start, end } = rangeOf(node);
  const lastChild = childrenOf(node).at(-1);
  return { start: lastChild === undefined ? start : rangeOf(lastChild).end, end };
}

function escapeText(text: string, options: NeutraliseOptions): string {
  let result = "";
  let from = 0;
  for (let at = text.indexOf("<"); at !== -1; at = text.indexOf("<", at + 1)) {
    if (at < from) continue;
    ANGLE_SEQUENCE.lastIndex = at;
    const sequence = ANGLE_SEQUENCE.exec(text)?.[0];
    if (sequence !== undefined && options.keepSequence?.(sequence)) {
      result += text.slice(from, at) + sequence;
      from = at + sequence.length;
      continue;
    }
    // A backslash before it would now escape the ampersand instead.
    const backslashes = /\\*$/u.exec(text.slice(from, at))?.[0].length ?? 0;
    result += `${text.slice(from, backslashes % 2 === 1 ? at - 1 : at)}&lt;`;
    from = at + 1;
  }
  return (result + text.slice(from)).replace(HIDDEN_SIGN, "&amp;");
}

/** Second pass: rewrites what links, loads or mentions, node by node. */
function neutraliseTree(source: string, options: NeutraliseOptions): string {
  return new TreePass(source, options).run();
}

class TreePass {
  readonly #source: string;
  readonly #options: TreeOptions;
  readonly #root: MarkdownRoot;
  readonly #fences: readonly MarkdownStretch[];
  readonly #doubtful: boolean;
  readonly #edits: Edit[] = [];

  constructor(source: string, options: NeutraliseOptions) {
    this.#source = source;
    const { prose, fences, strayBacktick } = lookAt(source);
    this.#root = parseMarkdown(prose);
    this.#fences = fences;
    this.#doubtful = strayBacktick || hasStrayBacktick(this.#root, source);
    this.#options = { ...options, doubtful: this.#doubtful };
  }

  run(): string {
    for (const { start, end } of this.#fences)
      this.#edits.push({ start, end, text: this.#fence(this.#source.slice(start, end)) });
    this.#visitChildren(this.#root);
    return applyEdits(this.#source, this.#edits, (text) => text);
  }

  #visitChildren(parent: MarkdownNode): void {
    const children = childrenOf(parent);
    if (children.every(hasRange)) {
      for (const child of children) this.#visit(child);
      return;
    }
    // Stretches without positions are read as prose, from the end of the node before to the start of the one behind.
    let from = rangeOf(parent).start;
    let open = false;
    const prose = (end: number): void => {
      if (open) this.#edits.push({ start: from, end, text: inertProse(this.#source.slice(from, end), this.#options) });
    };
    for (const child of children) {
      if (!hasRange(child)) {
        open = true;
        continue;
      }
      prose(rangeOf(child).start);
      open = false;
      this.#visit(child);
      from = rangeOf(child).end;
    }
    prose(rangeOf(parent).end);
  }

  #visit(node: MarkdownNode): void {
    const { start, end } = rangeOf(node);
    const original = this.#source.slice(start, end);
    const replacement = this.#replacementOf(node, original, start);
    if (replacement === undefined) this.#visitChildren(node);
    else this.#edits.push({ start, end, text: replacement });
  }

  #code(text: string, holdsFences = false): string {
    return this.#doubtful || holdsFences ? inertText(text) : text;
  }

  #fence(text: string): string {
    const { marks, info, code, isClosed } = readFence(text);
    const isPlain = isClosed && marks.startsWith("`") && /^[\w+#.-]*$/u.test(info);
    const shown = isPlain ? text.trimEnd() : fenced(code.replace(CONTROL_IN_CODE, `<${WORD_JOINER}`), firstWord(info));
    // What follows an open fence is code that has not come yet.
    return this.#code(shown, code.includes("```")) + (isClosed ? text.slice(text.trimEnd().length) : "");
  }

  /** Undefined when the node stays and its children are looked at. */
  #replacementOf(node: MarkdownNode, original: string, start: number): string | undefined {
    switch (node.type) {
      case "code":
        return this.#code(plainFence(node, original, linePrefix(this.#source, start)), node.value.includes("```"));
      case "inlineCode":
        return this.#code(plainCodeSpan(node.value, original));
      case "text":
      case "html":
        return inertProse(escapeText(original, this.#options), this.#options);
      case "link":
        return linkText(node, node.url, this.#source, this.#options);
      case "image":
        return described(node.alt ?? "", node.url, this.#options);
      default:
        return undefined;
    }
  }
}

function firstWord(info: string): string {
  return /^\S*/u.exec(info)?.[0] ?? "";
}

function linkText(node: MarkdownNode, url: string, source: string, options: TreeOptions): string {
  const { start, end } = rangeOf(node);
  const original = source.slice(start, end);
  if (!original.startsWith("["))
    return url.startsWith("mailto:") && original.includes("@") ? inertText(original) : bareLink(original, options);
  const first = childrenOf(node)[0];
  const last = childrenOf(node).at(-1);
  const label = first === undefined || last === undefined ? "" : source.slice(rangeOf(first).start, rangeOf(last).end);
  const inner = SUSPICIOUS.test(label) ? neutraliseTree(withoutReferences(label), { linkHosts: [] }) : label;
  if (isListedLink(url, options.linkHosts)) return `[${inner}](${encodeSigns(url)})`;
  const shown = shownUrl(url);
  return label === url || label === shown || shown === ""
    ? codeSpan(shown || label, options)
    : `${inner} (${codeSpan(shown, options)})`;
}

/** Fences what was indented, closes what was left open and strips the info line, so that no renderer reads code as prose or prose as code. */
function plainFence(node: Extract<MarkdownNode, { type: "code" }>, original: string, prefix: string): string {
  const lines = original.split("\n");
  const opening = /^(`{3,})[\w+#.-]*$/u.exec(lines[0] ?? "")?.[1];
  const isClosed =
    opening !== undefined &&
    lines.length > 1 &&
    new RegExp(`^[\\s>]*\`{${opening.length},}\\s*$`, "u").test(lines.at(-1) ?? "");
  if (isClosed) return original;
  return fenced(node.value.replace(CONTROL_IN_CODE, `<${WORD_JOINER}`), node.lang ?? "")
    .split("\n")
    .join(`\n${prefix}`);
}

/** What the lines after the first begin with inside quotes and lists: quote marks stay, list markers become blanks. */
function linePrefix(source: string, offset: number): string {
  return source.slice(source.lastIndexOf("\n", offset - 1) + 1, offset).replace(/[^>\s]/gu, " ");
}

/** A code span on one line with single marks, which every renderer reads alike. */
function plainCodeSpan(value: string, original: string): string {
  if (value.includes("`")) return original.replace(/:\/\//gu, `:${WORD_JOINER}//`).replace(/\n/gu, " ");
  return original.startsWith("``") || original.includes("\n") ? `\`${value.replace(/\n/gu, " ")}\`` : original;
}

function hasStrayBacktick(root: MarkdownRoot, source: string): boolean {
  if (!source.includes("`")) return false;
  let found = false;
  walkMarkdown(root, (node) => {
    if (node.type === "text")
      found ||= hasRange(node)
        ? source.slice(rangeOf(node).start, rangeOf(node).end).includes("`")
        : node.value.includes("`");
    return !found;
  });
  return found;
}

/** Replaces the ranges of `edits` (not overlapping) and passes what lies between them through `rest`. */
function applyEdits(source: string, edits: readonly Edit[], rest: (text: string) => string): string {
  let result = "";
  let from = 0;
  const add = (text: string): void => {
    // Two runs of backticks that were apart must not become one: code would begin and end elsewhere.
    result += result.endsWith("`") && text.startsWith("`") ? WORD_JOINER + text : text;
  };
  for (const edit of edits.toSorted((a, b) => a.start - b.start)) {
    add(rest(source.slice(from, edit.start)));
    add(edit.text);
    from = edit.end;
  }
  add(rest(source.slice(from)));
  return result;
}
