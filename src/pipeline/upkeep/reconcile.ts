import type { AgentIdentity, ChatAdapter, ReconcileOutcome } from "../../contracts/adapter.ts";
import type { Logger } from "../../contracts/logger.ts";
import type { ConversationPath } from "../../envelope/conversation.ts";
import { toParleyError } from "../../errors/parley-error.ts";
import type { ReceiptRow } from "../../ledger/receipts.ts";
import type { UnknownDelivery } from "../../ledger/upkeep.ts";
import { deliveredRow } from "../deliver/deliverer.ts";
import { UNKNOWN_TTL_MS } from "../deliver/settle-failure.ts";
import { type Directory, shownIdentity } from "../directory.ts";

/** Pause between the two read-backs that prove an absence, in ms, where the process died that was writing: what it had sent arrives at once or never. */
const AFTER_DEATH_MS = 1_500;
/** An attempt is fresh for this long, in ms. */
const FRESH_MS = 5_000;
/** Read-backs in a row that must find nothing before the write counts as not sent. */
const PROOF_OF_ABSENCE = 2;

/** Asks the platform what became of a write of unknown outcome and decides what follows; never sends it blindly. */
export async function reconcileDelivery(
  delivery: UnknownDelivery,
  options: {
    adapter: (platform: string) => ChatAdapter;
    directory: Directory;
    logger: Logger;
    deadLetterId: string;
    nowMs: number;
    /** How long after a lost connection a write may still take effect, in ms. */
    lateEffectMs: number;
  },
): Promise<ReceiptRow> {
  const identity = shownIdentity(options.directory, delivery.agent_id);
  const outcome = await readBack(delivery, identity, options.adapter).catch(
    (thrown: unknown): ReconcileOutcome => ({ undetermined: toParleyError(thrown, "PLATFORM_UNAVAILABLE").code }),
  );
  options.logger.info(
    { deliveryId: delivery.id, found: "found" in outcome, absent: "absent" in outcome },
    "read back a delivery of unknown outcome",
  );
  return settleReconciled(delivery, outcome, {
    ...options,
    delivered: "found" in outcome ? deliveredRow(delivery, outcome.found, identity) : undefined,
  });
}

async function readBack(
  delivery: UnknownDelivery,
  identity: AgentIdentity,
  adapter: (platform: string) => ChatAdapter,
): Promise<ReconcileOutcome> {
  return await adapter(delivery.platform).reconcile({
    target: {
      organizationId: delivery.organization_id,
      installationId: delivery.installation_id,
      conversation: delivery.path as ConversationPath, // written from a validated envelope
      ...(delivery.asker_id === null ? {} : { askerId: delivery.asker_id }),
    },
    idempotencyKey: delivery.idempotency_key,
    attemptedSince: delivery.first_attempt_at.toISOString(),
    identity,
    preview: delivery.preview,
    knownMessageIds: delivery.known_message_ids ?? [],
    signal: AbortSignal.timeout(15_000),
  });
}

/** What a read-back means; pure. */
export function settleReconciled(
  delivery: Pick<
    UnknownDelivery,
    "id" | "epoch" | "absences" | "first_attempt_at" | "preview" | "final" | "owner_died"
  >,
  outcome: ReconcileOutcome,
  at: { nowMs: number; deadLetterId: string; delivered: ReceiptRow | undefined; lateEffectMs: number },
): ReceiptRow {
  // A platform that lost the connection may still be at it: what is not there yet can come later.
  const pause = delivery.owner_died ? AFTER_DEATH_MS : Math.max(AFTER_DEATH_MS, at.lateEffectMs);
  const row = (state: ReceiptRow["state"], reason: string, waitMs: number, absent: boolean): ReceiptRow => ({
    id: delivery.id,
    epoch: delivery.epoch,
    state,
    message_id: null,
    occurred: null,
    porder: null,
    code: "PLATFORM_OUTCOME_UNKNOWN",
    reason,
    wait_ms: waitMs,
    absent,
    body: null,
    sender: null,
    dead_letter: state === "parked" ? at.deadLetterId : null,
  });
  if (at.delivered !== undefined) {
    // A found preview holds text on the way: with its final text committed it is edited now, otherwise it stays open for its turn.
    if (delivery.preview) return { ...at.delivered, state: delivery.final ? "pending" : "open" };
    return at.delivered;
  }
  if ("absent" in outcome) {
    if (delivery.absences + 1 < PROOF_OF_ABSENCE) return row("unknown", "not found yet", pause, true);
    return delivery.preview && !delivery.final
      ? row("cancelled", "the preview was never posted", 0, true)
      : row("pending", "proven absent", 0, true);
  }
  if (at.nowMs - delivery.first_attempt_at.getTime() > UNKNOWN_TTL_MS)
    return row("parked", "the platform never said whether it arrived", 0, false);
  // Soon after an attempt the platform cannot know yet; later on it is in trouble, and asking often does not help it.
  const waitMs = at.nowMs - delivery.first_attempt_at.getTime() < FRESH_MS ? 1_000 : 5_000;
  return row("unknown", "undetermined" in outcome ? outcome.undetermined : "undetermined", waitMs, false);
}
