import type { AgentIdentity, ChatAdapter, Target } from "../../contracts/adapter.ts";
import type { LivePreview } from "../../contracts/adapter-features.ts";
import type { Logger } from "../../contracts/logger.ts";
import { toParleyError } from "../../errors/parley-error.ts";
import type { SqlRunner } from "../../ledger/connection/database.ts";
import { beginPreview, recordPreview } from "../../ledger/previews.ts";

/** Where the adapter names no time after which a turn's text is shown live: on a platform with write rates a quick answer is one write. */
const DEFAULT_PREVIEW_AFTER_MS = 700;

export interface PreviewDriver {
  /** Offers the text so far; opens the preview once the turn has lasted long enough. */
  offer(text: () => string): void;
  /** Resolves when no edit is under way and no further one will come. */
  settle(): Promise<void>;
  readonly opened: boolean;
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
  let ended = false;
  let timer: NodeJS.Timeout | undefined;

  async function open(): Promise<void> {
    const text = latest?.() ?? "";
    const { turnId, epoch } = options.turn;
    const key = `${turnId}:preview:${options.deliveryId}`;
    const row = { id: options.deliveryId, turn: turnId, epoch, owner: options.owner, key, text };
    if (feature === undefined || ended || text.trim().length === 0 || !(await beginPreview(options.sql, row))) {
      opening = undefined;
      return;
    }
    try {
      live = await feature.open({
        target: options.target,
        identity: options.identity,
        idempotencyKey: key,
        markdown: latest?.() ?? text,
        conversation: options.target.conversation,
        signal: options.signal,
      });
      await recordPreview(options.sql, {
        id: row.id,
        owner: options.owner,
        state: "open",
        messageId: live.receipt.messageId,
        reason: null,
      });
      if (latest !== undefined && !ended) live.offer(latest());
    } catch (thrown) {
      const error = toParleyError(thrown, "PLATFORM_OUTCOME_UNKNOWN");
      options.logger.info({ turnId, code: error.code }, "live preview could not be opened");
      const state = error.delivery === "not_sent" ? "cancelled" : "unknown";
      await recordPreview(options.sql, {
        id: row.id,
        owner: options.owner,
        state,
        messageId: null,
        reason: error.code,
      });
    }
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
      const waitMs =
        options.startedAtMs + (options.adapter.limits.previewAfterMs ?? DEFAULT_PREVIEW_AFTER_MS) - performance.now();
      if (waitMs <= 0) tryOpen();
      else timer ??= setTimeout(tryOpen, waitMs);
    },
    async settle() {
      ended = true;
      clearTimeout(timer);
      await opening;
      await live?.settle();
    },
    get opened() {
      return live !== undefined;
    },
  };
}
