/** Pause taken when a platform says "too many" without saying for how long, in ms. */
export const DEFAULT_RETRY_AFTER_MS = 1_000;

/**
 * Reads a Retry-After header (seconds or an HTTP date) as a pause in ms from `nowMs`.
 *
 * Never less than 0; undefined when the header is absent or unreadable.
 * https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
 */
export function parseRetryAfterMs(header: string | undefined, nowMs: number): number | undefined {
  const text = header?.trim();
  if (!text) return undefined;
  if (/^\d{1,9}(\.\d{1,6})?$/.test(text)) return Math.ceil(Number(text) * 1000);
  const dateMs = Date.parse(text);
  return Number.isNaN(dateMs) ? undefined : Math.max(0, dateMs - nowMs);
}
