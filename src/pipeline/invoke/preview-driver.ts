import type { AgentIdentity, ChatAdapter, Target } from "../../contracts/adapter.ts";
import type { LivePreview } from "../../contracts/adapter-features.ts";
import type { Logger } from "../../contracts/logger.ts";
import { ParleyError, toParleyError } from "../../errors/parley-error.ts";
import type { SqlRunner } from "../../ledger/connection/database.ts";
import { beginPreview, type PreviewRecord, recordPreview } from "../../ledger/previews.ts";
import { MAX_MARK_AGE_MS } from "../deliver/deliverer.ts";
import { whyClosed } from "../deliver/settle-failure.ts";

/** Where the adapter names no time after which a turn's text is shown live: on a platform with write rates a quick answer is one write. */
const DEFAULT_PREVIEW_AFTER_MS = 700;

/** An answer that comes whole is followed by its turn's end at once: where writes are scarce it is posted as it is, without a preview a moment before. */
const WHOLE_ANSWER_MS = 100;

const REMOVE_TIMEOUT_MS = 10_000;

/** Pauses between attempts to record an opening while the ledger is away, in ms. */
const RECORD_RETRY_MS = [200, 500, 1_000, 2_000, 4_000] as const;

export interface PreviewDriver {
  /** Offers the text so far; opens the preview once the turn has lasted long enough. */
  offer(text: () => string): void;
  /** Resolves when no edit is under way and no further one will come. */
  settle(): Promise<void>;
  /** Takes the message back, once it has settled; false when it stays, because the platform has no way or would not. */
  remove(): Promise<boolean>;
  readonly opened: boolean;
  /** Why the place takes nothing of this turn any more, as the preview has learned: nothing else is tried there. */
  readonly closed: string | undefined;
}

export interface PreviewDriverOptions {
  readonly adapter: ChatAdapter;
  readonly sql: SqlRunner;
  readonly logger: Logger;
  readonly turn: { readonly turnId: string; readonly epoch: number };
  readonly owner: string;
  readonly deliveryId: string;
  readonly target: Target;
  readonly identity: AgentIdentity;
  readonly signal: AbortSignal;
  readonly startedAtMs: number;
}

/** Shows a growing answer within the adapter's edit budget; the durable final text is never its business, and its failures never fail the turn. */
export function createPreviewDriver(options: PreviewDriverOptions): PreviewDriver {
  const feature = options.adapter.features.preview;
  let opening: Promise<void> | undefined;
  let live: LivePreview | undefined;
  let latest: (() => string) | undefined;
  let refused: ParleyError | undefined;
  let ended = false;
  let timer: NodeJS.Timeout | undefined;
  let firstOfferAtMs: number | undefined;

  async function open(): Promise<void> {
    const text = latest?.() ?? "";
    const { turnId, epoch } = options.turn;
    const markedAtMs = performance.now();
    const key = `${turnId}:preview:${options.deliveryId}`;
    const row = { id: options.deliveryId, turn: turnId, epoch, owner: options.owner, key, text };
    if (feature === undefined || ended || text.trim().length === 0 || !(await beginPreview(options.sql, row))) {
      opening = undefined;
      return;
    }
    let opened: LivePreview;
    try {
      if (performance.now() - markedAtMs > MAX_MARK_AGE_MS)
        throw new ParleyError("LEASE_LOST", { detail: "the mark was too old when the preview was to be opened" });
      opened = await feature.open({
        target: options.target,
        identity: options.identity,
        idempotencyKey: key,
        markdown: latest?.() ?? text,
        conversation: options.target.conversation,
        signal: options.signal,
      });
    } catch (thrown) {
      const error = toParleyError(thrown, "PLATFORM_OUTCOME_UNKNOWN");
      refused = error;
      options.logger.info({ turnId, code: error.code }, "live preview could not be opened");
      const state = error.delivery === "not_sent" ? "cancelled" : "unknown";
      await record({ state, messageId: null, reason: error.code });
      return;
    }
    live = opened;
    await record({ state: "open", messageId: opened.receipt.messageId, reason: null });
    if (latest !== undefined && !ended) live.offer(latest());
  }

  /** What was shown stays shown: the record is tried again, and one that never comes leaves an outcome that the turn's end calls unknown. */
  async function record(outcome: Pick<PreviewRecord, "state" | "messageId" | "reason">): Promise<void> {
    for (const pauseMs of RECORD_RETRY_MS) {
      try {
        return await recordPreview(options.sql, { id: options.deliveryId, owner: options.owner, ...outcome });
      } catch (error) {
        if (!(error instanceof ParleyError) || error.code !== "LEDGER_UNAVAILABLE") throw error;
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
    }
    await recordPreview(options.sql, { id: options.deliveryId, owner: options.owner, ...outcome });
  }

  function tryOpen(): void {
    if (ended || live !== undefined || opening !== undefined) return;
    opening = open().catch((error: unknown) =>
      options.logger.warn({ err: error, turnId: options.turn.turnId }, "live preview failed"),
    );
  }

  return {
    offer(text) {
      if (feature === undefined || ended) return;
      latest = text;
      if (live !== undefined) return live.offer(text());
      firstOfferAtMs ??= performance.now();
      const afterMs = options.adapter.limits.previewAfterMs ?? DEFAULT_PREVIEW_AFTER_MS;
      const notBeforeMs = afterMs === 0 ? 0 : firstOfferAtMs + WHOLE_ANSWER_MS;
      const waitMs = Math.max(options.startedAtMs + afterMs, notBeforeMs) - performance.now();
      if (waitMs <= 0) tryOpen();
      else timer ??= setTimeout(tryOpen, waitMs);
    },
    async settle() {
      ended = true;
      clearTimeout(timer);
      await opening;
      await live?.settle();
    },
    async remove() {
      const feature = options.adapter.features.delete;
      if (live === undefined || feature === undefined) return false;
      const { messageId } = live.receipt;
      return await feature.delete(options.target, messageId, AbortSignal.timeout(REMOVE_TIMEOUT_MS)).then(
        () => true,
        (error: unknown) => {
          options.logger.info({ err: error, turnId: options.turn.turnId }, "a live preview could not be taken back");
          return false;
        },
      );
    },
    get opened() {
      return live !== undefined;
    },
    get closed() {
      const error = refused ?? live?.refusedWith;
      return error === undefined ? undefined : whyClosed(error);
    },
  };
}
