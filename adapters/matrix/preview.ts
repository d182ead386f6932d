import type { LivePreview, PreviewOptions } from "../../src/contracts/adapter-features.ts";
import { runLivePreview } from "../shared/live-preview.ts";
import { boundMarkdown } from "../shared/markdown-bound.ts";
import { type Content, editContent, messageContent, transactionId } from "./content.ts";
import { MAX_CONTENT_BYTES, type MarkupOptions, toMatrixPieces } from "./markup.ts";
import type { Outbound } from "./outbound.ts";
import { EDIT_INTERVAL_MS, FAST_EDIT_INTERVAL_MS, MAX_PREVIEW_EDITS } from "./rate-rules.ts";
import { writeEvent } from "./write-event.ts";

/** Time a preview may take to be made, by estimate, in microseconds: it is made anew at each edit. */
const PREVIEW_BUDGET_US = 20_000;
const MAX_FAILURES = 3;

/**
 * Posts a live message and edits it as the text grows: at most every 5 s where Synapse's limits for ordinary accounts hold, every
 * second where there are none. Each edit is an event that all clients load, so their number is bounded too.
 */
export async function openPreview(
  outbound: Outbound,
  options: PreviewOptions,
  markup: MarkupOptions,
): Promise<LivePreview> {
  const place = await outbound.placeOf(options.target, options.identity, options.signal);
  const { account, roomId, asUser } = place;
  const contentOf = (markdown: string): Content => {
    const [text] = toMatrixPieces(boundMarkdown(markdown, PREVIEW_BUDGET_US).markdown, markup, MAX_CONTENT_BYTES);
    const shown = text === undefined || text.body.trim() === "" ? { body: "…", html: "<p>…</p>", mentions: [] } : text;
    // The final text names whom it names; while it grows nobody is called.
    const post = { kind: "message", msgtype: "m.text", body: shown.body, html: shown.html, mentions: [] } as const;
    return messageContent(post, transactionId(options.idempotencyKey), place.shownName);
  };
  let shown = contentOf(options.markdown);
  const receipt = await outbound.postContent(place, {
    type: "m.room.message",
    content: shown,
    txnId: transactionId(options.idempotencyKey),
    signal: options.signal,
  });
  let edits = 0;
  return runLivePreview<Content>({
    receipt,
    signal: options.signal,
    policy: { maxFailures: MAX_FAILURES, maxEdits: MAX_PREVIEW_EDITS },
    writer: {
      minIntervalMs: account.paced ? EDIT_INTERVAL_MS : FAST_EDIT_INTERVAL_MS,
      prepare: (markdown) => {
        const next = contentOf(markdown);
        return next["formatted_body"] === shown["formatted_body"] ? undefined : next;
      },
      takeTurn: () => account.takePreviewTurn(roomId, asUser),
      write: async (next) => {
        edits += 1;
        const txnId = transactionId(`${options.idempotencyKey} edit ${edits} ${Date.now()}`);
        await writeEvent(place, {
          type: "m.room.message",
          content: editContent(next, receipt.messageId, txnId),
          txnId,
          signal: options.signal,
          paced: false,
        });
        shown = next;
      },
    },
  });
}
