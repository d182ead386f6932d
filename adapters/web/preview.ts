import type { Receipt } from "../../src/contracts/adapter.ts";
import type { LivePreview, PreviewFeature, PreviewOptions } from "../../src/contracts/adapter-features.ts";
import type { WebPostRecord } from "../../src/contracts/web-room-records.ts";
import type { WebRoomStore } from "../../src/contracts/web-room-store.ts";
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
      return new WebPreview(created.post, store, hub);
    },
  };
}

class WebPreview implements LivePreview {
  readonly receipt: Receipt;
  readonly #post: WebPostRecord;
  readonly #store: WebRoomStore;
  readonly #hub: PreviewDependencies["hub"];
  #text: string;
  #shown: string;
  #stored: string;
  #showTimer: NodeJS.Timeout | undefined;
  #storeTimer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();
  #settled = false;

  constructor(post: WebPostRecord, store: WebRoomStore, hub: PreviewDependencies["hub"]) {
    this.receipt = receiptOf(post);
    this.#post = post;
    this.#store = store;
    this.#hub = hub;
    this.#text = post.text;
    this.#shown = post.text;
    this.#stored = post.text;
  }

  offer(markdown: string): void {
    if (this.#settled) return;
    this.#text = toPreviewText(markdown);
    this.#showTimer ??= setTimeout(() => this.#show(), MIN_PREVIEW_INTERVAL_MS);
    this.#storeTimer ??= setTimeout(() => this.#write(), STORE_INTERVAL_MS);
  }

  async settle(): Promise<void> {
    this.#settled = true;
    clearTimeout(this.#showTimer);
    clearTimeout(this.#storeTimer);
    await this.#writing;
  }

  #show(): void {
    this.#showTimer = undefined;
    if (this.#text === this.#shown) return;
    this.#hub.preview(this.#post, this.#shown, this.#text);
    this.#shown = this.#text;
  }

  #write(): void {
    this.#storeTimer = undefined;
    if (this.#text === this.#stored) return;
    const text = this.#text;
    const { organizationId, postId } = this.#post;
    this.#writing = this.#writing
      .then(() => this.#store.posts.storePreview({ organizationId, postId, text, origin: this.#hub.processId }))
      .then(() => {
        this.#stored = text;
      })
      // The text is passing: the next write or the final form makes up for this one.
      .catch(() => undefined);
  }
}

/** Never ends inside a character, and never grows beyond a post. */
function toPreviewText(markdown: string): string {
  return markdown.slice(0, MAX_AGENT_POST_CHARS).toWellFormed().replaceAll("\u0000", "\ufffd");
}
