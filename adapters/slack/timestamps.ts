const SLACK_TS = /^(\d{1,11})\.(\d{1,6})$/u;

/** A Slack timestamp (`1700000000.123456`): a message's id in its channel and the platform's order. */
export function asTs(value: unknown): string | undefined {
  return typeof value === "string" && SLACK_TS.test(value) ? value : undefined;
}

/** Whole ms since the epoch; the part below a ms is dropped. */
export function tsToMs(ts: string): number {
  const dot = ts.indexOf(".");
  return (
    Number(ts.slice(0, dot)) * 1000 +
    Number(
      ts
        .slice(dot + 1)
        .padEnd(6, "0")
        .slice(0, 3),
    )
  );
}

export function tsToIso(ts: string): string {
  return new Date(tsToMs(ts)).toISOString();
}

/** Sorts like the number it stands for, by plain string comparison. */
export function tsToOrder(ts: string): string {
  const dot = ts.indexOf(".");
  return `${ts.slice(0, dot).padStart(12, "0")}.${ts.slice(dot + 1).padEnd(6, "0")}`;
}

export function msToTs(ms: number): string {
  const whole = Math.max(0, Math.floor(ms));
  return `${Math.floor(whole / 1000)}.${String(whole % 1000).padStart(3, "0")}000`;
}
