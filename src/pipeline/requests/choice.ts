import type { AskedPart } from "./request-part.ts";

/** What a click chose, or the rule by which it is no answer to the question. */
export type Choice =
  | {
      readonly optionId: string | null;
      readonly effect: "allow" | "deny" | "neutral" | null;
      readonly fields: Readonly<Record<string, string>>;
    }
  | { readonly fault: "no_such_option" | "field_missing" | "field_invalid" };

/** Longest answer that is kept of one field, in UTF-16 code units. */
const MAX_ANSWER_CHARS = 10_000;

/** Reads what was clicked or filled in against what was asked; fields that were not asked for are left out. Pure. */
export function readChoice(
  part: AskedPart,
  given: { readonly value?: string | undefined; readonly fields: Readonly<Record<string, string>> },
): Choice {
  if (part.type === "approval_request") {
    const option = part.options.find((one) => one.id === given.value);
    return option === undefined
      ? { fault: "no_such_option" }
      : { optionId: option.id, effect: option.effect, fields: {} };
  }
  const fields: [string, string][] = [];
  for (const field of part.fields) {
    const value = given.fields[field.id]?.slice(0, MAX_ANSWER_CHARS) ?? "";
    if (value.trim() === "") {
      if (field.required) return { fault: "field_missing" };
      continue;
    }
    if (!fits(field, value)) return { fault: "field_invalid" };
    fields.push([field.id, value]);
  }
  return { optionId: null, effect: null, fields: Object.fromEntries(fields) };
}

function fits(field: Extract<AskedPart, { type: "input_request" }>["fields"][number], value: string): boolean {
  switch (field.kind) {
    case "number":
      return Number.isFinite(Number(value.trim()));
    case "choice":
      return field.options === undefined || field.options.some((option) => option.id === value);
    case "text":
    case "paragraph":
    case "boolean":
      return true;
  }
}
