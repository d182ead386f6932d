import type { z } from "zod";

/** Guarantees a description of anything thrown without its message, which may quote what people wrote: class and place alone. */
export function describeThrown(thrown: unknown): string {
  if (!(thrown instanceof Error)) return `threw a value of type ${typeof thrown}`;
  const place = /([\w.-]+\.[cm]?[jt]sx?:\d+:\d+)/.exec(
    thrown.stack?.split("\n").find((line) => line.trimStart().startsWith("at ")) ?? "",
  )?.[1];
  const name = /^[\w.]{1,64}$/.test(thrown.name) ? thrown.name : "Error";
  return place === undefined ? name : `${name} at ${place}`;
}

const MAX_NAMED_ISSUES = 5;

/** Guarantees a description of schema faults by path and rule, never by value; at most five are named. */
export function describeIssues(error: z.ZodError): string {
  const named = error.issues.slice(0, MAX_NAMED_ISSUES).map((issue) => {
    const path = issue.path.map(safeKey).join(".");
    const rule = issue.code === "invalid_type" ? `must be ${issue.expected}` : issue.code.replaceAll("_", " ");
    return path === "" ? rule : `${path}: ${rule}`;
  });
  const more = error.issues.length - named.length;
  return more > 0 ? `${named.join("; ")}; and ${more} more` : named.join("; ");
}

function safeKey(key: PropertyKey): string {
  const text = String(key);
  return /^[\w-]{1,40}$/.test(text) ? text : "?";
}
