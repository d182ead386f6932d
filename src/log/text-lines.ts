import { encodeAllControls } from "./control-characters.ts";

const COLORS: Readonly<Record<string, string>> = {
  trace: "90",
  debug: "90",
  info: "36",
  warn: "33",
  error: "31",
  fatal: "35",
};
/** Fields that every record has and a person at a terminal need not see. */
const HIDDEN = new Set(["time", "level", "msg", "pid", "hostname"]);

/** Guarantees one readable line for one JSON record of the log; what is no record passes as it is. */
export function toTextLine(line: string, colored: boolean): string {
  let record: unknown;
  try {
    record = JSON.parse(line);
  } catch {
    return line;
  }
  if (typeof record !== "object" || record === null) return line;
  const fields = new Map(Object.entries(record));
  const level = String(fields.get("level"));
  const time = new Date(Number(fields.get("time"))).toTimeString().slice(0, 8);
  const paint = (code: string, text: string) => (colored ? `\u001b[${code}m${text}\u001b[0m` : text);
  const rest = [...fields].filter(([key]) => !HIDDEN.has(key)).map(([key, value]) => `${key}=${show(value)}`);
  const head = `${paint("90", time)} ${paint(COLORS[level] ?? "0", level.toUpperCase().padEnd(5))} ${encodeAllControls(String(fields.get("msg") ?? ""))}`;
  return `${[head, paint("90", encodeAllControls(rest.join(" ")))].join("  ").trimEnd()}\n`;
}

function show(value: unknown): string {
  if (typeof value === "string") return /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
  return JSON.stringify(value);
}
