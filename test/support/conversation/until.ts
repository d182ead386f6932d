import { setTimeout as pause } from "node:timers/promises";

const WITHIN_MS = 90_000;
const LOOK_EVERY_MS = 200;

/** Resolves with the first answer that is not undefined; rejects when there is none in time, and says what for it waited. */
export async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  const deadlineMs = performance.now() + WITHIN_MS;
  for (;;) {
    const seen = await look();
    if (seen !== undefined) return seen;
    if (performance.now() > deadlineMs) throw new Error(`not within ${WITHIN_MS} ms: ${what}`);
    await pause(LOOK_EVERY_MS);
  }
}
