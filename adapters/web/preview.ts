import type { LivePreview, PreviewFeature, PreviewOptions } from "../../src/contracts/adapter-features.ts";
import type { WebPostRecord } from "../../src/contracts/web-room-records.ts";
import type { WebRoomStore } from "../../src/contracts/web-room-store.ts";
import { type PreviewWriter, runLivePreview } from "../shared/live-preview.ts";
import { boundMarkdown } from "../shared/markdown-bound.ts";
import { newId } from "./ids.ts";
import { NO_MENTIONS, placeOf, receiptOf } from "./outbound.ts";
import { MAX_AGENT_POST_CHARS } from "./render.ts";
import { withAbort } from "./send-errors.ts";
import type { SocketHub } from "./socket-hub.ts";

/** Least time between two frames of one post to this process's pages, in ms: fast enough to look alive. */
export const MIN_PREVIEW_INTERVAL_MS = 80;
/** Least time between two writes of a growing text for other processes and for pages that come later, in ms. */
const STORE_INTERVAL_MS = 500;

export interface PreviewDependencies {
  readonly store: WebRoomStore;
  readonly hub: Pick<SocketHub, "preview" | "processId">;
}

/** Live text of a streaming post: to this process's pages at once, to the ledger now and then. */
export function createPreviewFeature({ store, hub }: PreviewDependencies): PreviewFeature {
  return {
    open: async (options: PreviewOptions): Promise<LivePreview> => {
      const text = toPreviewText(options.markdown);
      const created = await withAbort(options.signal, () =>
        store.posts.createByAgent({
          ...placeOf(options.target),
          postId: newId("m"),
          idempotencyKey: options.idempotencyKey,
          agent: options.identity,
          text,
          parts: [],
          mentions: NO_MENTIONS,
          state: "streaming",
          uploads: [],
        }),
      );
      return watchPost(created.post, store, hub, options.signal);
    },
  };
}

/** The frames and the ledger go at their own pace; neither has a budget to share, the room is our own. */
function watchPost(
  post: WebPostRecord,
  store: WebRoomStore,
  hub: PreviewDependencies["hub"],
  signal: AbortSignal,
): LivePreview {
  const receipt = receiptOf(post);
  const { organizationId, postId } = post;
  const frames = runLivePreview({
    receipt,
    signal,
    writer: textWriter(MIN_PREVIEW_INTERVAL_MS, post.text, async (text, shown) => hub.preview(post, shown, text)),
  });
  const ledger = runLivePreview({
    receipt,
    signal,
    // The text is passing: when a write fails, the next one or the final form makes up for it.
    policy: { maxFailures: Number.POSITIVE_INFINITY },
    writer: textWriter(STORE_INTERVAL_MS, post.text, (text) =>
      store.posts.storePreview({ organizationId, postId, text, origin: hub.processId }),
    ),
  });
  return {
    receipt,
    offer: (markdown) => {
      frames.offer(markdown);
      ledger.offer(markdown);
    },
    settle: async () => {
      await Promise.all([frames.settle(), ledger.settle()]);
    },
  };
}

/** Writes the text so far when it differs from what was written before. */
function textWriter(
  minIntervalMs: number,
  opened: string,
  write: (text: string, before: string) => Promise<unknown>,
): PreviewWriter<string> {
  let shown = opened;
  return {
    minIntervalMs,
    prepare: (markdown) => {
      const text = toPreviewText(markdown);
      return text === shown ? undefined : text;
    },
    takeTurn: () => 0,
    write: async (text) => {
      await write(text, shown);
      shown = text;
    },
    judge: () => ({ kind: "failed" }),
  };
}

/** Never ends inside a character, never grows beyond a post, and never keeps a page from drawing it. */
function toPreviewText(markdown: string): string {
  const { markdown: quick } = boundMarkdown(markdown.slice(0, MAX_AGENT_POST_CHARS));
  return quick.slice(0, MAX_AGENT_POST_CHARS).toWellFormed().replaceAll("\u0000", "\ufffd");
}
