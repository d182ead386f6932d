/** What a field may be at most: longer strings are text, and text is not logged. */
export const MAX_FIELD_CHARS = 512;
const MAX_DEPTH = 6;
const MAX_ENTRIES = 64;
const REDACTED = "[redacted]";

/** Keys whose values are words of people or agents. */
const TEXT_KEYS = new Set(
  "text markdown content contents body raw rawbody message_text fallbacktext prompt question answer reply transcript history blocks attachments parts snippet query params values row rows input output stdout stderr payload data html title topic note".split(
    " ",
  ),
);
/** Keys whose values are secrets, by any part of their name. */
const SECRET_KEY =
  /pass(word|wd|phrase)?$|secret|token(?!s$|count|id$)|authorization|cookie|api[-_]?key|private[-_]?key|credential|signature$|^sig$|^key$|session(?!id$)|response[-_]?url|reply[-_]?url|sign[-_]?in[-_]?link/i;

/**
 * Guarantees fields that hold ids, names, counts, sizes and reasons alone: words of people, secrets and anything
 * longer than 512 characters are replaced, whatever the depth, and no getter, cycle or odd object makes it throw.
 */
export function cleanFields(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const cleaned = cleanObject(fields, 0, new Set());
  return typeof cleaned === "object" && cleaned !== null ? { ...cleaned } : {};
}

function cleanValue(value: unknown, depth: number, seen: Set<object>): unknown {
  switch (typeof value) {
    case "string":
      return value.length > MAX_FIELD_CHARS ? `[${value.length} characters]` : value;
    case "number":
    case "boolean":
    case "undefined":
      return value;
    case "bigint":
      return value.toString();
    case "symbol":
    case "function":
      return `[${typeof value}]`;
    case "object":
      return value === null ? null : cleanObject(value, depth, seen);
  }
}

function cleanObject(value: object, depth: number, seen: Set<object>): unknown {
  if (seen.has(value)) return "[circular]";
  if (depth > MAX_DEPTH) return "[deep]";
  seen.add(value);
  try {
    if (value instanceof Error) return errorFields(value, depth, seen);
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? "[invalid date]" : value.toISOString();
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
    if (value instanceof URL) return `${value.protocol}//${value.host}${value.pathname}`;
    if (value instanceof Map || value instanceof Set) return `[${value.size} entries]`;
    if (Array.isArray(value)) return value.slice(0, MAX_ENTRIES).map((item) => cleanValue(item, depth + 1, seen));
    if ("toJSON" in value && typeof value.toJSON === "function") return cleanValue(value.toJSON(), depth + 1, seen);
    return cleanEntries(value, depth, seen);
  } catch {
    return "[unreadable]";
  } finally {
    seen.delete(value);
  }
}

function cleanEntries(value: object, depth: number, seen: Set<object>): Record<string, unknown> {
  const entries = Object.entries(value).slice(0, MAX_ENTRIES);
  return Object.fromEntries(
    entries.map(([key, item]) => {
      if (typeof item === "number" || typeof item === "boolean" || item === null || item === undefined)
        return [key, item];
      if (SECRET_KEY.test(key)) return [key, REDACTED];
      if (TEXT_KEYS.has(key.toLowerCase())) return [key, `[redacted ${sizeOf(item)}]`];
      return [key, cleanValue(item, depth + 1, seen)];
    }),
  );
}

function sizeOf(value: unknown): string {
  if (typeof value === "string") return `${value.length} characters`;
  if (Array.isArray(value)) return `${value.length} items`;
  return typeof value;
}

/** An error's own code and place; its message only in so far as it cannot quote what failed. */
function errorFields(error: Error, depth: number, seen: Set<object>): Record<string, unknown> {
  const picked: Record<string, unknown> = { name: error.name, message: safeMessage(error) };
  for (const key of [
    "code",
    "delivery",
    "retryAfterMs",
    "facts",
    "status",
    "statusCode",
    "syscall",
    "constraint",
    "table",
  ]) {
    if (key in error) picked[key] = cleanValue(Reflect.get(error, key), depth + 1, seen);
  }
  const frames = (error.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line));
  if (frames.length > 0)
    picked["stack"] = frames
      .slice(0, 12)
      .map((line) => line.trim())
      .join(" | ");
  if (error.cause !== undefined) {
    picked["cause"] =
      error.cause instanceof Error ? cleanObject(error.cause, depth + 1, seen) : `[${typeof error.cause}]`;
  }
  return picked;
}

/**
 * JSON.parse quotes its input in its message, and drivers quote statements and their parameters: such messages are cut
 * before the quotation (V8 `"..." is not valid JSON`, drizzle-orm `Failed query: ... params: ...`).
 */
function safeMessage(error: Error): string {
  if (error instanceof SyntaxError) return /JSON/.test(error.message) ? "not valid JSON" : "syntax error";
  const firstLine = error.message.split("\n", 1)[0] ?? "";
  const unquoted = firstLine.replace(/^Failed query:.*/, "Failed query").replace(/\bparams:.*/s, "params: [redacted]");
  return unquoted.length > MAX_FIELD_CHARS ? `${unquoted.slice(0, 120)}… [${unquoted.length} characters]` : unquoted;
}
