/** A JSON object as Discord sent it: nothing about it is known until it was looked at. */
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

export function asNumber(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

const SNOWFLAKE = /^[1-9]\d{0,19}$/u;

/** A Discord id: a snowflake in decimal digits, which is safe in keys and addresses. */
export function asId(value: unknown): string | undefined {
  return typeof value === "string" && SNOWFLAKE.test(value) ? value : undefined;
}

export function asIds(value: unknown): string[] {
  return asList(value).flatMap((item) => asId(item) ?? []);
}
