import type { ErrorCode } from "../../src/errors/codes.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { BoundedMap } from "../shared/bounded-map.ts";
import { errcodeOf } from "./errors.ts";

/** The homeserver says for certain that there is nothing to be had. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set([
  "TARGET_NOT_FOUND",
  "PLATFORM_FORBIDDEN",
  "CONTENT_REJECTED",
  "FEATURE_UNSUPPORTED",
]);
/** A homeserver that stumbles over one reading for so long will not mend by itself, in ms. */
const BROKEN_AFTER_MS = 3_600_000;
const MAX_READINGS = 10_000;

/** Whether a reading came to nothing for certain: then what depends on it need not wait. */
export function isRefusal(error: unknown): boolean {
  return error instanceof ParleyError && REFUSALS.has(error.code);
}

/** Decides how long a reading is waited for. */
export class Patience {
  readonly #brokenSinceMs = new BoundedMap<string, number>({ maxEntries: MAX_READINGS });

  /**
   * Whether what was to be read has to be done without: it was refused, or the homeserver itself has failed over it for an hour.
   *
   * A limit, an outage and a restart pass, however long they last.
   */
  isOver(reading: string, error: unknown): boolean {
    if (isRefusal(error)) return true;
    const status = error instanceof ParleyError ? error.facts["status"] : undefined;
    if (typeof status !== "number" || status < 500 || errcodeOf(error) === undefined) {
      this.#brokenSinceMs.delete(reading);
      return false;
    }
    const sinceMs = this.#brokenSinceMs.get(reading) ?? Date.now();
    this.#brokenSinceMs.set(reading, sinceMs);
    return Date.now() - sinceMs >= BROKEN_AFTER_MS;
  }
}
