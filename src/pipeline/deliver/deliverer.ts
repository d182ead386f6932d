import { isDeepStrictEqual } from "node:util";
import type { AgentIdentity, ChatAdapter, OutboundPost, Receipt } from "../../contracts/adapter.ts";
import type { JsonValue } from "../../contracts/json.ts";
import type { Logger } from "../../contracts/logger.ts";
import type { Metrics } from "../../contracts/metrics.ts";
import type { ConversationPath } from "../../envelope/conversation.ts";
import { ParleyError, toParleyError } from "../../errors/parley-error.ts";
import type { Database } from "../../ledger/connection/database.ts";
import { type ReceiptRow, recordReceipts } from "../../ledger/receipts.ts";
import type { SendingDelivery } from "../../ledger/replies.ts";
import type { NewId } from "../../ledger/row-ids.ts";
import { retryDeadlocks } from "../../ledger/sql-states.ts";
import { createBatcher } from "../batcher.ts";
import { type Directory, shownIdentity } from "../directory.ts";
import type { MassMentions } from "../mass-mentions.ts";
import { settleFailure } from "./settle-failure.ts";

export interface Deliverer {
  /**
   * Sends deliveries that were just marked as sending by this process; never throws.
   * `markedAtMs` is what `performance.now()` said before the statement that marked them was sent.
   */
  dispatch(deliveries: readonly SendingDelivery[], markedAtMs: number): void;
  /** Records the outcome of a delivery that was resolved otherwise (reconciled), and goes on with its conversation. */
  record(row: ReceiptRow): Promise<void>;
  /** Resolves when nothing is being sent or recorded. */
  settle(): Promise<void>;
  /** Gives up what waits for its turn to be sent and has been stopped meanwhile (`stopRule`); what is with the platform already is found out there. */
  haltStopped(): void;
  /** Gives up what this process is about to send for a turn that lost its access; false when it sends nothing for it. */
  haltTurn(turnId: string, rule: string): boolean;
  /** The deliveries that are being sent, or whose outcome is being recorded. */
  inHand(): ReadonlySet<string>;
  readonly sending: number;
}

export interface DelivererOptions {
  readonly database: Database;
  readonly owner: string;
  readonly newId: NewId;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly directory: Directory;
  readonly adapter: (platform: string) => ChatAdapter;
  readonly deliver: boolean;
  readonly massMentions: Pick<MassMentions, "decide">;
  /** The kill switch that holds this agent or organization; undefined when none does. */
  readonly stopRule: (delivery: { readonly agent_id: string; readonly organization_id: string }) => string | undefined;
  readonly wake: () => void;
  /** Called with the conversations of writes whose outcome was recorded just now. */
  readonly onRecorded: (conversationIds: ReadonlySet<string>) => void;
  /** Called when a write has to wait: to be sent again (`pending`) or to be looked for (`unknown`). */
  readonly onWaiting: (state: "pending" | "unknown", waitMs: number) => void;
}

/** A process that slept longer than this between marking and sending may have been taken for dead: it does not send. */
export const MAX_MARK_AGE_MS = 2_500;
const SEND_TIMEOUT_MS = 60_000;
/** Receipts of different writes do not depend on each other. */
const LANES = 2;
const MAX_BATCH = 200;

/** Creates the part that performs marked platform writes and records what became of them, the next write of a conversation with the receipt of the last. */
export function createDeliverer(options: DelivererOptions): Deliverer {
  const { database, owner, logger } = options;
  const inFlight = new Map<Promise<void>, { readonly delivery: SendingDelivery; readonly halt: AbortController }>();

  const receipts = createBatcher<ReceiptRow, void>({
    maxItems: MAX_BATCH,
    lanes: LANES,
    isolate: (error) => !(error instanceof ParleyError),
    flush: async (rows) => {
      const markedAtMs = performance.now();
      const { sending, rung, conversations } = await retryDeadlocks(() =>
        recordReceipts(database, { owner, receipts: rows, deliver: options.deliver }),
      );
      dispatch(sending, markedAtMs);
      if (rung) options.wake();
      options.onRecorded(conversations);
      for (const state of ["pending", "unknown"] as const) {
        const waits = rows.filter((row) => row.state === state).map((row) => row.wait_ms);
        if (waits.length > 0) options.onWaiting(state, Math.min(...waits));
      }
      return rows.map(() => undefined);
    },
  });

  async function recordPatiently(row: ReceiptRow): Promise<void> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await receipts.add(row);
      } catch (error) {
        // Without its receipt the sweep finds the delivery unattended and reconciles it: losing it costs a read-back, not a message.
        if (!(error instanceof ParleyError) || error.code !== "LEDGER_UNAVAILABLE" || attempt >= 20) {
          logger.error({ err: error, deliveryId: row.id }, "a receipt could not be recorded");
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, Math.min(5_000, 200 * 2 ** attempt)));
      }
    }
  }

  async function deliver(delivery: SendingDelivery, markedAtMs: number, halted: AbortSignal): Promise<void> {
    const startedAtMs = performance.now();
    const row = await attempt(delivery, markedAtMs, halted);
    options.metrics.deliveryFinished(delivery.platform, row.state, performance.now() - startedAtMs);
    await recordPatiently(row);
  }

  async function attempt(delivery: SendingDelivery, markedAtMs: number, halted: AbortSignal): Promise<ReceiptRow> {
    const identity = shownIdentity(options.directory, delivery.agent_id);
    try {
      if (performance.now() - markedAtMs > MAX_MARK_AGE_MS)
        throw new ParleyError("LEASE_LOST", { detail: "the mark was too old when its turn to send came" });
      const stopped = options.stopRule(delivery);
      if (stopped !== undefined) throw new ParleyError("TURN_CANCELLED", { detail: stopped });
      const receipt = await options.adapter(delivery.platform).send({
        ...toPost(delivery, identity, halted),
        mayMentionEveryone: () => options.massMentions.decide(delivery),
      });
      return deliveredRow(delivery, receipt, identity);
    } catch (thrown) {
      const error = toParleyError(thrown, "PLATFORM_OUTCOME_UNKNOWN");
      logger.info(
        { deliveryId: delivery.id, platform: delivery.platform, code: error.code, attempt: delivery.attempt },
        "delivery attempt failed",
      );
      const stopped = options.stopRule(delivery) ?? haltRule(halted);
      const row = settleFailure(delivery, error, { nowMs: Date.now(), deadLetterId: options.newId("x") });
      if (stopped !== undefined && error.delivery === "not_sent")
        return { ...row, state: "cancelled", reason: stopped, wait_ms: 0, dead_letter: null };
      // No dead letter tells an operator that a scope or a permission may be missing.
      if (row.state === "cancelled")
        logger.warn(
          { deliveryId: delivery.id, code: error.code, reason: row.reason },
          "a place is closed: an answer was given up",
        );
      return error.code === "CONTENT_REJECTED" ? asPlainText(delivery, row, identity) : row;
    }
  }

  /** A post whose form the platform refused is tried once more as its plain-text fallback; refused in that form too, it is given up. */
  function asPlainText(delivery: SendingDelivery, row: ReceiptRow, identity: AgentIdentity): ReceiptRow {
    const conversation = delivery.path as ConversationPath; // written from a validated envelope
    const [plain] = options
      .adapter(delivery.platform)
      .render([{ type: "text", markdown: delivery.fallback_text }], { identity, conversation, mentionable: [] });
    // As the ledger gives it back, which is what was sent.
    const body: unknown = JSON.parse(JSON.stringify(plain?.body ?? null));
    if (plain === undefined || isDeepStrictEqual(body, delivery.body)) return row;
    return { ...row, state: "pending", body: plain.body, dead_letter: null };
  }

  function dispatch(deliveries: readonly SendingDelivery[], markedAtMs: number): void {
    for (const delivery of deliveries) {
      const halt = new AbortController();
      const work: Promise<void> = deliver(delivery, markedAtMs, halt.signal)
        .catch((error: unknown) => logger.error({ err: error, deliveryId: delivery.id }, "delivery failed"))
        .finally(() => inFlight.delete(work));
      inFlight.set(work, { delivery, halt });
    }
  }

  return {
    dispatch,
    record: recordPatiently,
    async settle() {
      while (inFlight.size > 0) await Promise.allSettled(inFlight.keys());
      await receipts.settle();
    },
    haltStopped() {
      for (const { delivery, halt } of inFlight.values()) {
        const rule = options.stopRule(delivery);
        if (rule !== undefined) halt.abort(new ParleyError("TURN_CANCELLED", { detail: rule }));
      }
    },
    haltTurn(turnId, rule) {
      const own = [...inFlight.values()].filter(({ delivery }) => delivery.turn_id === turnId);
      for (const { halt } of own) halt.abort(new ParleyError("TURN_CANCELLED", { detail: rule }));
      return own.length > 0;
    },
    inHand: () => new Set([...inFlight.values()].map(({ delivery }) => delivery.id)),
    get sending() {
      return inFlight.size;
    },
  };
}

/** Why a send was called off, where it was. */
function haltRule(halted: AbortSignal): string | undefined {
  return halted.reason instanceof ParleyError ? halted.reason.detail : undefined;
}

function toPost(delivery: SendingDelivery, identity: AgentIdentity, halted: AbortSignal): OutboundPost {
  return {
    body: delivery.body as JsonValue, // rendered by the adapter itself and stored as JSON
    fallbackText: delivery.fallback_text,
    target: {
      organizationId: delivery.organization_id,
      installationId: delivery.installation_id,
      conversation: delivery.path as ConversationPath, // written from a validated envelope
      ...(delivery.asker_id === null ? {} : { askerId: delivery.asker_id }),
    },
    identity,
    idempotencyKey: delivery.idempotency_key,
    ...(delivery.message_id === null ? {} : { edit: { messageId: delivery.message_id, preview: delivery.preview } }),
    signal: AbortSignal.any([halted, AbortSignal.timeout(SEND_TIMEOUT_MS)]),
  };
}

/** The receipt row of a write that is proven to stand. */
export function deliveredRow(
  delivery: Pick<SendingDelivery, "id" | "epoch">,
  receipt: Receipt,
  identity: AgentIdentity,
): ReceiptRow {
  return {
    id: delivery.id,
    epoch: delivery.epoch,
    state: "delivered",
    message_id: receipt.messageId,
    occurred: receipt.occurredAt ?? null,
    porder: receipt.platformOrder ?? receipt.messageId,
    code: null,
    reason: null,
    wait_ms: 0,
    absent: false,
    body: null,
    sender: { id: identity.agentId, kind: "agent", name: identity.name, agent: identity.handle, self: true },
    dead_letter: null,
  };
}
