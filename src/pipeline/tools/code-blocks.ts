/** What a line of Markdown is as far as code goes: its text is read, or stands as it is. */
export type LineKind = "text" | "code";

/** Follows the blocks of a Markdown text line by line, as far as is needed to tell code that is indented. */
export interface BlockReader {
  /** What a line is, by its beginning; enough of it to have a character that is no space, or all of it. */
  begin(line: string): LineKind;
  /** A line of text that is over, with its beginning: nothing or something that a next line cannot go on with. */
  end(line: string): void;
  /** A line that belonged to a block of another kind is over. */
  endBlock(): void;
}

/** Columns by which code is indented (CommonMark 0.31, 4.4), and up to which a tab goes. */
const CODE_COLUMNS = 4;
const MARKER = /^([-*+]|\d{1,9}[.)])([ \t]+|$)/u;
const QUOTE = /^ {0,3}> ?/u;
/** What is no paragraph, so that no indented line goes on with it: nothing, a heading, a line across. */
const NO_PARAGRAPH =
  /^[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])(?:[ \t]+|$))*(?:$|#{1,6}(?:[ \t]|$)|(?:-[ \t]*)+$|(?:\*[ \t]*){3,}$|(?:_[ \t]*){3,}$|=+[ \t]*$)/u;

/** Creates the reader; it begins before the first line. Rules: CommonMark 0.31, 4.4 (indented code) and 5.2 (list items). */
export function createBlockReader(): BlockReader {
  /** Columns at which the content of the open list items begins, the outermost first. */
  let items: number[] = [];
  let quotes = 0;
  let inParagraph = false;

  /** The line without the quotes it stands in; another quote is another block, a paragraph may go on without its marks. */
  function withoutQuotes(line: string): string {
    let rest = line;
    let depth = 0;
    for (let mark = QUOTE.exec(rest); mark !== null; mark = QUOTE.exec(rest)) {
      rest = rest.slice(mark[0].length);
      depth += 1;
    }
    if (depth > quotes || (depth < quotes && !inParagraph)) {
      items = [];
      inParagraph = false;
    }
    if (depth > quotes || !inParagraph) quotes = depth;
    return rest;
  }

  function beginItems(text: string, indent: number): LineKind {
    let rest = text;
    let column = indent;
    for (let marker = MARKER.exec(rest); marker !== null; marker = MARKER.exec(rest)) {
      const [all, mark = "", space = ""] = marker;
      items = [...items.filter((item) => item <= column), column + mark.length + 1];
      inParagraph = false;
      const after = columnsOf(space, column + mark.length) - (column + mark.length);
      rest = rest.slice(all.length);
      // So far in that it is code: one column belongs to the mark.
      if (after > CODE_COLUMNS && rest !== "") return "code";
      column += mark.length + Math.max(1, after);
      if (rest !== "") items = [...items.slice(0, -1), column];
    }
    return "text";
  }

  return {
    begin(line) {
      const rest = withoutQuotes(line);
      const space = /^[ \t]*/u.exec(rest)?.[0] ?? "";
      const text = rest.slice(space.length);
      if (text.trim() === "") return "text";
      const indent = columnsOf(space, 0);
      if (!inParagraph) items = items.filter((item) => item <= indent);
      const base = items.findLast((item) => item <= indent) ?? 0;
      if (!inParagraph && indent >= base + CODE_COLUMNS) return "code";
      return beginItems(text, indent);
    },
    end(line) {
      inParagraph = !NO_PARAGRAPH.test(line);
    },
    endBlock() {
      inParagraph = false;
    },
  };
}

function columnsOf(space: string, from: number): number {
  let column = from;
  for (const char of space) column = char === "\t" ? column + CODE_COLUMNS - (column % CODE_COLUMNS) : column + 1;
  return column;
}
