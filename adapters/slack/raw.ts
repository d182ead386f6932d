/** A JSON object as Slack sent it: nothing about it is known until it was looked at. */
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

const SLACK_ID = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/u;

/** A Slack id (`C0123`, `U0123`, `T0123`), which is safe in keys and addresses. */
export function asId(value: unknown): string | undefined {
  return typeof value === "string" && SLACK_ID.test(value) ? value : undefined;
}
