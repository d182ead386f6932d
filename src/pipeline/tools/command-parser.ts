import { type BlockReader, createBlockReader } from "./code-blocks.ts";

/** A command as it was written, `⟦⟦ NAME {json} ⟧⟧`, outside of code. */
export type WrittenCommand =
  | { readonly name: string; readonly input: unknown }
  /** It cannot be carried out as it is written. */
  | { readonly name: string; readonly problem: string };

/** Takes commands out of a text that grows; what it gives back, put together, is the same however the text was cut. */
export interface CommandParser {
  /** The next piece of text that is certainly none of a command. */
  feed(text: string): string;
  /** The rest, when nothing more comes; the parser begins anew after it. */
  end(): string;
}

/** Longest command, in UTF-16 code units; a longer one is left out and cannot be carried out. */
export const MAX_COMMAND_CHARS = 65_536;
const OPEN = "⟦⟦";
const CLOSE = "⟧⟧";
/** A run of backticks is code only if its other end comes within this many characters. */
const MAX_SPAN_CHARS = 4_000;
/** Longest line that can open a fence. */
const MAX_FENCE_LINE_CHARS = 1_000;
const MAX_SPACE_CHARS = 16;
const MAX_NAME_CHARS = 64;
const OPENED = /⟦⟦\s*$/u;
const TAIL_CHARS = OPEN.length + MAX_SPACE_CHARS + 1;
/** A space without width. */
const JOINT = "\u200b";

const BLOCK_PREFIX = String.raw`[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)*`;
const FENCE = new RegExp(`^${BLOCK_PREFIX}(\`{3,}|~{3,})`, "u");
/** The beginning of a line that may still become a fence. */
const MAYBE_FENCE = new RegExp(`^${BLOCK_PREFIX}(?:[-*+]|\\d{1,9}[.)]?)?(?:\`{0,2}|~{0,2})$`, "u");
/** `<pre>` where it begins a block of HTML, which is read no further. */
const PRE = new RegExp(`^${BLOCK_PREFIX}<pre(?:[\\s>]|$)`, "iu");
const MAYBE_PRE = new RegExp(`^${BLOCK_PREFIX}<(?:p|pr|pre)?$`, "iu");
const PRE_END = /<\/pre>/iu;
const PRE_END_CHARS = "</pre>".length;
const CODE_TAG = /^<(pre|code)(?=[\s>])/iu;
const MAYBE_CODE_TAG = /^<(?:p|pr|pre|c|co|cod|code)?$/iu;
/** As much of a line as is needed to know whether it is a paragraph. */
const MAX_KEPT_CHARS = 200;
/** What ends a paragraph, and with it a code span that was not closed: an empty line, or the beginning of another block. */
const NEXT_BLOCK = /\n[ \t]*(?:\n|[-*+][ \t]|\d{1,9}[.)][ \t]|>|#{1,6}[ \t]|`{3}|~{3})/u;

/** What one look at the text so far came to: how much of it is settled, and what of that is shown. */
type Step = { readonly taken: number; readonly shown: string } | undefined;

/**
 * Creates the parser. Commands are recognised as Markdown reads the text: not in code, be it fenced, indented, in a span or between the tags `<pre>` or
 * `<code>`; a command that is malformed, too long or never closed is left out all the same and reported with its problem.
 */
export function createCommandParser(onCommand: (command: WrittenCommand) => void): CommandParser {
  let held = "";
  let fence: { readonly mark: string; readonly length: number } | undefined;
  let blocks: BlockReader = createBlockReader();
  let lineStart = true;
  /** What the line at hand is. */
  let kind: "text" | "code" | "pre" = "text";
  /** Its beginning, as it was written. */
  let line = "";
  /** The end of what was taken, where the end of a block of HTML is looked for. */
  let recent = "";
  /** An over-long command whose end is awaited, and dropped. */
  let dropping = false;
  /** The end of what was shown. */
  let tail = "";

  function drain(final: boolean): string {
    let shown = "";
    while (held.length > 0) {
      const step = next(final);
      if (step === undefined) break;
      // What stood around a command must not become one by its going.
      const joint = step.taken > 0 && step.shown === "" && OPENED.test(tail) ? JOINT : "";
      shown += step.shown + joint;
      tail = (tail + step.shown + joint).slice(-TAIL_CHARS);
      follow(held.slice(0, step.taken));
      held = held.slice(step.taken);
    }
    return shown;
  }

  /** Keeps the line at hand, and says what the lines were that are over. */
  function follow(taken: string): void {
    recent = (recent + taken).slice(-PRE_END_CHARS);
    const end = taken.lastIndexOf("\n");
    if (end < 0) {
      line = (line + taken).slice(0, MAX_KEPT_CHARS);
      return;
    }
    if (fence === undefined && kind === "text")
      blocks.end((line + taken.slice(0, taken.indexOf("\n"))).slice(0, MAX_KEPT_CHARS));
    else blocks.endBlock();
    line = taken.slice(end + 1).slice(0, MAX_KEPT_CHARS);
  }

  function next(final: boolean): Step {
    if (dropping) return drop(final);
    if (lineStart) return fence === undefined ? beginLine(final) : fencedLine(final);
    return fence === undefined && kind === "text" ? inline(final) : restOfLine();
  }

  function show(length: number): Step {
    return { taken: length, shown: held.slice(0, length) };
  }

  function restOfLine(): Step {
    const end = held.indexOf("\n");
    if (kind === "pre" && PRE_END.test(recent + (end < 0 ? held : held.slice(0, end)))) kind = "code";
    if (end >= 0) lineStart = true;
    return show(end < 0 ? held.length : end + 1);
  }

  function beginLine(final: boolean): Step {
    if (kind === "pre") {
      lineStart = false;
      return { taken: 0, shown: "" };
    }
    const end = held.indexOf("\n");
    const start = end < 0 ? held : held.slice(0, end);
    const complete = final || end >= 0;
    const opening = FENCE.exec(start);
    if (opening === null) {
      const isOpen = MAYBE_FENCE.test(start) || MAYBE_PRE.test(start);
      if (!complete && start.length < MAX_FENCE_LINE_CHARS && isOpen) return undefined;
      return beginText(start);
    }
    if (!complete && start.length < MAX_FENCE_LINE_CHARS) return undefined;
    const mark = opening[1] ?? "";
    const info = start.slice(opening[0].length);
    if (start.length >= MAX_FENCE_LINE_CHARS || (mark.startsWith("`") && info.includes("`"))) return beginText(start);
    kind = "text";
    fence = { mark: mark.slice(0, 1), length: mark.length };
    return show(end < 0 ? held.length : end + 1);
  }

  function beginText(start: string): Step {
    lineStart = false;
    kind = PRE.test(start) ? "pre" : blocks.begin(start);
    if (kind === "pre") recent = "";
    return { taken: 0, shown: "" };
  }

  function fencedLine(final: boolean): Step {
    const end = held.indexOf("\n");
    const start = end < 0 ? held : held.slice(0, end);
    const closing = /^[ \t>]*([`~]*)[ \t]*$/u.exec(start);
    if (closing === null) {
      lineStart = false;
      return { taken: 0, shown: "" };
    }
    if (end < 0 && !final) {
      if (start.length < MAX_FENCE_LINE_CHARS) return undefined;
      lineStart = false;
      return { taken: 0, shown: "" };
    }
    const marks = closing[1] ?? "";
    if (fence !== undefined && marks.length >= fence.length && marks === fence.mark.repeat(marks.length)) {
      fence = undefined;
      kind = "code";
    }
    return show(end < 0 ? held.length : end + 1);
  }

  function inline(final: boolean): Step {
    const at = held.search(/[\n`<⟦\\]/u);
    if (at !== 0) return show(at < 0 ? held.length : at);
    switch (held[0]) {
      case "\n":
        lineStart = true;
        return show(1);
      case "\\":
        if (held.length === 1) return final ? show(1) : undefined;
        return show(/[`<\\]/u.test(held[1] ?? "") ? 2 : 1);
      case "`":
        return codeSpan(final);
      case "<":
        return taggedSpan(final);
      default:
        return command(final);
    }
  }

  function codeSpan(final: boolean): Step {
    const run = /^`+/u.exec(held)?.[0].length ?? 1;
    if (run === held.length && !final) return run > MAX_SPAN_CHARS ? show(run) : undefined;
    const within = held.slice(0, run + MAX_SPAN_CHARS);
    const paragraph = NEXT_BLOCK.exec(within)?.index ?? within.length;
    const settled = final || paragraph < within.length || held.length >= run + MAX_SPAN_CHARS;
    for (const { 0: marks, index } of within.slice(run, paragraph).matchAll(/`+/gu)) {
      const end = run + index + marks.length;
      // A run that reaches the end of what is known may still grow.
      if (end === held.length && !final) return undefined;
      if (marks.length === run) return show(end);
    }
    // What only looks like the end of a paragraph may go on: `\n` and `\n-` are known by what follows.
    return settled ? show(run) : undefined;
  }

  /** Code between tags within a paragraph. */
  function taggedSpan(final: boolean): Step {
    const name = CODE_TAG.exec(held)?.[1];
    if (name === undefined) return !final && MAYBE_CODE_TAG.test(held) ? undefined : show(1);
    const within = held.slice(0, MAX_SPAN_CHARS);
    const paragraph = NEXT_BLOCK.exec(within)?.index ?? within.length;
    const end = new RegExp(`</${name}>`, "iu").exec(within.slice(0, paragraph));
    if (end !== null) return show(end.index + end[0].length);
    return final || paragraph < within.length || held.length >= MAX_SPAN_CHARS ? show(1) : undefined;
  }

  function command(final: boolean): Step {
    if (held.length === 1) return final ? show(1) : undefined;
    if (!held.startsWith(OPEN)) return show(1);
    const space = /^\s*/u.exec(held.slice(OPEN.length))?.[0].length ?? 0;
    const first = held[OPEN.length + space];
    if (space > MAX_SPACE_CHARS || (first === undefined ? final : !/[A-Za-z]/u.test(first))) return show(OPEN.length);
    if (first === undefined) return undefined;
    const known = held.slice(0, MAX_COMMAND_CHARS);
    const end = closeOf(known);
    if (end !== undefined) return take(end, known.slice(OPEN.length, end));
    if (!final && held.length < MAX_COMMAND_CHARS) return undefined;
    // Not closed as JSON would have it: where it looks closed it ends, and is wrong.
    const plain = known.indexOf(CLOSE);
    report({
      name: nameOf(known),
      problem: plain < 0 && held.length >= MAX_COMMAND_CHARS ? "it is too long" : "it is not closed",
    });
    if (plain >= 0) return { taken: plain + CLOSE.length, shown: "" };
    dropping = held.length >= MAX_COMMAND_CHARS;
    return { taken: known.length, shown: "" };
  }

  function take(end: number, inside: string): Step {
    const written = /^\s*([A-Za-z][\w-]*)\s*([\s\S]*)$/u.exec(inside);
    const name = nameOf(`${OPEN}${inside}`);
    const json = (written?.[2] ?? "").trim();
    report(
      written === null || (written[1] ?? "").length > MAX_NAME_CHARS
        ? { name, problem: "it has no name" }
        : parse(name, json),
    );
    return { taken: end + CLOSE.length, shown: "" };
  }

  function drop(final: boolean): Step {
    const end = held.indexOf(CLOSE);
    if (end >= 0) {
      dropping = false;
      return { taken: end + CLOSE.length, shown: "" };
    }
    // Half of the mark may be here already.
    const taken = final ? held.length : held.length - 1;
    return taken === 0 ? undefined : { taken, shown: "" };
  }

  function report(command: WrittenCommand): void {
    onCommand(command);
  }

  return {
    feed(text) {
      held += text;
      return drain(false);
    },
    end() {
      const shown = drain(true);
      held = "";
      fence = undefined;
      blocks = createBlockReader();
      lineStart = true;
      kind = "text";
      line = "";
      recent = "";
      dropping = false;
      tail = "";
      return shown;
    },
  };
}

/** Where a command ends: at the first closing mark that stands in no string of its JSON. */
function closeOf(text: string): number | undefined {
  let quoted = false;
  for (let index = OPEN.length; index < text.length; index += 1) {
    const char = text[index];
    if (quoted && char === "\\") index += 1;
    else if (char === '"') quoted = !quoted;
    else if (!quoted && char === "⟧" && text[index + 1] === "⟧") return index;
  }
  return undefined;
}

function nameOf(text: string): string {
  return (/^⟦⟦\s*([A-Za-z][\w-]*)/u.exec(text)?.[1] ?? "?").slice(0, MAX_NAME_CHARS).toLowerCase();
}

function parse(name: string, json: string): WrittenCommand {
  if (json === "") return { name, input: {} };
  try {
    const input: unknown = JSON.parse(json);
    return typeof input === "object" && input !== null && !Array.isArray(input)
      ? { name, input }
      : { name, problem: "what follows its name must be a JSON object" };
  } catch {
    return { name, problem: "what follows its name is no JSON" };
  }
}
