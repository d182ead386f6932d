import type { Channel } from "./records.ts";

/**
 * The next message ts of a channel: rises strictly within the channel and follows the clock.
 *
 * Two channels may give out the same ts in the same millisecond, as on Slack: a key without the channel must collide.
 */
export function nextTs(channel: Channel, nowMs: number): string {
  const micros = Math.max(channel.lastMicros + 1, Math.floor(nowMs) * 1000);
  channel.lastMicros = micros;
  return formatTs(micros);
}

/** Microseconds since the epoch as "seconds.micros" with six digits. */
export function formatTs(micros: number): string {
  return `${Math.floor(micros / 1e6)}.${String(micros % 1e6).padStart(6, "0")}`;
}

/** The inverse of formatTs; NaN for anything that is not a ts. Accepts whole seconds, as `oldest` and `latest` do. */
export function microsOf(ts: string): number {
  const match = /^(\d{1,12})(?:\.(\d{1,6}))?$/.exec(ts);
  if (match === null) return Number.NaN;
  return Number(match[1]) * 1e6 + Number((match[2] ?? "").padEnd(6, "0"));
}

/** Whether the text is a complete message ts. */
export function isTs(text: string): boolean {
  return /^\d{10}\.\d{6}$/.test(text);
}
