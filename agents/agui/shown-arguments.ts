import { redactArguments } from "../shared/redact-arguments.ts";

const MAX_CHARS = 2_000;

/** Guarantees a value as people may read it: secrets hidden, on one line of JSON where it is one, and not without end. Pure. */
export function toShown(value: unknown): string {
  const redacted = redactArguments(typeof value === "string" ? parsed(value) : value);
  const text = typeof redacted === "string" ? redacted : (JSON.stringify(redacted) ?? "");
  return text.length > MAX_CHARS ? `${text.slice(0, MAX_CHARS).toWellFormed()} […]` : text;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
