/** A JSON object as the homeserver sent it: nothing about it is known until it was looked at. */
export type Raw = Readonly<Record<string, unknown>>;

export function asRecord(value: unknown): Raw | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Raw) // an object that is no array; every field of it is still unknown
    : undefined;
}

export function asString(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

export function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Whole and safe; Matrix allows no other numbers in events. https://spec.matrix.org/v1.19/appendices/#canonical-json */
export function asInteger(value: unknown): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) ? value : undefined;
}
