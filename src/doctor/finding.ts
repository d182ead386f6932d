/** What one check found. */
export interface Finding {
  /** What was looked at: `ledger`, `slack`, `agent @guide`. */
  readonly part: string;
  /** `skipped`: it could not be looked at in this state; `warning`: it works and promises less than one may think. */
  readonly state: "ok" | "warning" | "failed" | "skipped";
  readonly detail: string;
  /** What to do about it; present unless the state is ok. */
  readonly fix?: string;
}

export const ok = (part: string, detail: string): Finding => ({ part, state: "ok", detail });
export const warning = (part: string, detail: string, fix: string): Finding => ({
  part,
  state: "warning",
  detail,
  fix,
});
export const failed = (part: string, detail: string, fix: string): Finding => ({ part, state: "failed", detail, fix });
export const skipped = (part: string, detail: string, fix: string): Finding => ({
  part,
  state: "skipped",
  detail,
  fix,
});

/** The first line of whatever was thrown. */
export function reasonOf(error: unknown): string {
  const cause =
    error instanceof Error && error.message === "fetch failed" && error.cause instanceof Error ? error.cause : error;
  return (cause instanceof Error ? cause.message : String(cause)).split("\n", 1).join("").slice(0, 300);
}

/** The embedded ledger outlives any crash of Parley; its file system is not synced, so a power cut is another matter. */
export const POWER_CUT: Finding = warning(
  "durability",
  "the embedded ledger survives a crash of Parley, and not a power cut",
  "for more than a trial set DATABASE_URL to a PostgreSQL server",
);
