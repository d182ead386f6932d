import { stripVTControlCharacters, styleText } from "node:util";
import { encodeAllControls } from "../log/control-characters.ts";

/** What commands write to: tables for people, or JSON for programs. */
export interface Output {
  readonly json: boolean;
  line(text?: string): void;
  /** Aligned columns; cells may be painted. */
  table(head: readonly string[], rows: readonly (readonly string[])[]): void;
  /** Writes `value` as JSON when that was asked for, else calls `show`. */
  result(value: unknown, show: () => void): void;
}

type Style = "bold" | "dim" | "green" | "yellow" | "red" | "cyan";

export function createOutput(json: boolean): Output {
  const line = (text = "") => void process.stdout.write(`${text}\n`);
  return {
    json,
    line,
    table(head, rows) {
      for (const row of alignColumns([head.map((cell) => paint("bold", cell)), ...rows])) line(row);
    },
    result(value, show) {
      if (json) line(JSON.stringify(value, null, 2));
      else show();
    },
  };
}

/** Colours on a terminal that wants them (NO_COLOR and its kin are honoured), plain text elsewhere. */
export function paint(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout });
}

/** Text that came from elsewhere, with nothing in it that acts on a terminal. */
export function plain(text: string | undefined): string {
  return text === undefined ? "" : encodeAllControls(text);
}

function alignColumns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows)
    row.forEach((cell, index) => void (widths[index] = Math.max(widths[index] ?? 0, width(cell))));
  return rows.map((row) =>
    row
      .map((cell, index) => cell + " ".repeat((widths[index] ?? 0) - width(cell)))
      .join("  ")
      .trimEnd(),
  );
}

function width(cell: string): number {
  return Array.from(stripVTControlCharacters(cell)).length;
}

/** A span of time for people: `850 ms`, `12 s`, `3 min`, `5 h`, `2 d`. */
export function span(ms: number): string {
  const units: readonly (readonly [string, number, number])[] = [
    ["ms", 1, 1_000],
    ["s", 1_000, 60_000],
    ["min", 60_000, 3_600_000],
    ["h", 3_600_000, 86_400_000],
  ];
  const unit = units.find(([, , below]) => ms < below);
  return unit === undefined ? `${Math.round(ms / 86_400_000)} d` : `${Math.round(ms / unit[1])} ${unit[0]}`;
}

/** How long ago an ISO time was, for people. */
export function ago(iso: string, now = Date.now()): string {
  const time = Date.parse(iso);
  return Number.isNaN(time) ? plain(iso) : `${span(Math.max(0, now - time))} ago`;
}
