import type { ErrorCode } from "../../errors/codes.ts";
import type { ParleyError } from "../../errors/parley-error.ts";
import type { ReceiptRow } from "../../ledger/receipts.ts";
import type { SendingDelivery } from "../../ledger/replies.ts";
import { plainText } from "../render/plain-text.ts";

/** How long a write is tried for while it certainly was not sent, in ms; an answer older than this helps nobody. */
export const DELIVERY_TTL_MS = 1_800_000;
/** How long a write of unknown outcome is looked for before a person must decide, in ms. */
export const UNKNOWN_TTL_MS = 600_000;
/** Pause before the first read-back of an unknown outcome, in ms: a request that timed out here may still be landing there. */
export const FIRST_READ_BACK_MS = 1_500;

/** Pause while the platform no longer takes the installation's token, in ms: soon enough after it was connected again. */
export const UNAUTHORIZED_WAIT_MS = 15_000;

/** The conversation is gone, archived or closed to the installation: nobody can be told there, and what is said there later is another answer. */
const PLACE_CLOSED: ReadonlySet<ErrorCode> = new Set(["TARGET_NOT_FOUND", "PLATFORM_FORBIDDEN"]);

/** Why a place takes nothing more, of an attempt that certainly did nothing; undefined where the error says something else. */
export function whyClosed(error: ParleyError): string | undefined {
  if (!PLACE_CLOSED.has(error.code) || error.delivery !== "not_sent") return undefined;
  return plainText(error.detail ?? error.row.userText);
}

/** Decides what a failed attempt means for its delivery; pure. Unknown is never sent again, only looked for. */
export function settleFailure(
  delivery: Pick<SendingDelivery, "id" | "epoch" | "attempt" | "message_id" | "first_attempt_at">,
  error: ParleyError,
  at: { nowMs: number; deadLetterId: string },
): ReceiptRow {
  const ageMs = at.nowMs - delivery.first_attempt_at.getTime();
  const row = (state: ReceiptRow["state"], waitMs = 0): ReceiptRow => ({
    id: delivery.id,
    epoch: delivery.epoch,
    state,
    message_id: null,
    occurred: null,
    porder: null,
    code: error.code,
    reason: plainText(error.detail ?? error.row.userText),
    wait_ms: waitMs,
    absent: false,
    body: null,
    sender: null,
    dead_letter: state === "rejected" || state === "parked" ? at.deadLetterId : null,
  });
  const isEdit = delivery.message_id !== null;
  if (error.delivery === "unknown" && !isEdit) return row("unknown", FIRST_READ_BACK_MS);
  // The text is to be read all the same: what stands there is only its beginning.
  if (isEdit && error.code === "EDIT_REFUSED") return { ...row("pending"), anew: true };
  // Our own mark was too old: nothing was sent, and the row is simply marked anew.
  if (error.code === "LEASE_LOST") return row("pending", 100);
  const waitsForToken = error.code === "PLATFORM_UNAUTHORIZED";
  if (whyClosed(error) !== undefined) return row("cancelled");
  if (error.row.retry === "never" && error.delivery !== "unknown" && !waitsForToken) return row("rejected");
  if (ageMs > DELIVERY_TTL_MS) return row("rejected");
  if (waitsForToken) return row("pending", UNAUTHORIZED_WAIT_MS);
  return row("pending", error.retryAfterMs ?? backoffMs(delivery.attempt));
}

/** 0.5 s, doubling to one minute. */
export function backoffMs(attempt: number): number {
  return Math.min(60_000, 500 * 2 ** Math.max(0, Math.min(10, attempt - 1)));
}
