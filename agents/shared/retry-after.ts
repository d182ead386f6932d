/** Longest pause that is taken over from another side, in ms. */
export const MAX_RETRY_AFTER_MS = 3_600_000;

/** Guarantees the pause a `Retry-After` header asks for, in ms from `nowMs`; undefined when it says nothing readable. Rules: RFC 9110, section 10.2.3. */
export function parseRetryAfterMs(header: string | null | undefined, nowMs: number): number | undefined {
  if (header === null || header === undefined) return undefined;
  const text = header.trim();
  if (/^\d{1,9}$/.test(text)) return Math.min(Number(text) * 1000, MAX_RETRY_AFTER_MS);
  if (!/^[A-Z][a-z]{2}/.test(text)) return undefined;
  const atMs = Date.parse(text);
  return Number.isNaN(atMs) ? undefined : Math.min(Math.max(atMs - nowMs, 0), MAX_RETRY_AFTER_MS);
}
