import type { LivePreview, PreviewOptions } from "../../src/contracts/adapter-features.ts";
import { type PreviewWriter, runLivePreview } from "../shared/live-preview.ts";
import { boundMarkdown } from "../shared/markdown-bound.ts";
import type { DiscordClient } from "./client.ts";
import { stopRow, textDisplay } from "./components.ts";
import { cutSafely, type MarkupOptions, toDiscordMarkdown } from "./markup.ts";
import type { Outbound } from "./outbound.ts";
import type { PostBody } from "./post-body.ts";
import { MAX_TEXT_CHARS } from "./render.ts";
import { ROUTES } from "./routes.ts";

/** Edits share the channel's bucket with posts: about five in five seconds are allowed. */
export const EDIT_INTERVAL_MS = 1_500;
/** Cut earlier than a message would have to be: escaping makes texts longer. */
const MAX_SOURCE_CHARS = 3_000;

/** Opens a live message: a post with a stop button, which is edited. */
export async function openPreview(
  client: DiscordClient,
  outbound: Outbound,
  options: PreviewOptions,
  markup: MarkupOptions,
): Promise<LivePreview> {
  const shown = previewText(options.markdown, markup);
  const { target, identity, idempotencyKey, signal } = options;
  const receipt = await outbound.post({ target, identity, idempotencyKey, signal, body: previewBody(shown || "…") });
  const writer = new DiscordPreviewWriter({ client, outbound, options, markup, messageId: receipt.messageId, shown });
  return runLivePreview({ receipt, writer, signal });
}

/** The end of a text that is too long is what is being written just now. */
function previewText(markdown: string, markup: MarkupOptions): string {
  const source = markdown.length <= MAX_SOURCE_CHARS ? markdown : `${cutSafely(markdown, MAX_SOURCE_CHARS)} …`;
  return cutSafely(toDiscordMarkdown(boundMarkdown(source).markdown, markup), MAX_TEXT_CHARS);
}

function previewBody(text: string): PostBody {
  return { kind: "components", components: [textDisplay(text), stopRow()], files: [], users: [], forms: [] };
}

interface OpenedPreview {
  readonly client: DiscordClient;
  readonly outbound: Outbound;
  readonly options: PreviewOptions;
  readonly markup: MarkupOptions;
  readonly messageId: string;
  readonly shown: string;
}

class DiscordPreviewWriter implements PreviewWriter<string> {
  readonly minIntervalMs = EDIT_INTERVAL_MS;
  readonly #opened: OpenedPreview;
  #shown: string;

  constructor(opened: OpenedPreview) {
    this.#opened = opened;
    this.#shown = opened.shown;
  }

  prepare(markdown: string): string | undefined {
    const text = previewText(markdown, this.#opened.markup);
    return text === "" || text === this.#shown ? undefined : text;
  }

  takeTurn(): number {
    const { client, options } = this.#opened;
    const { channel, thread } = options.conversation;
    return client.previewWaitMs(ROUTES.editMessage(thread?.id ?? channel.id, this.#opened.messageId));
  }

  async write(text: string): Promise<void> {
    const { outbound, options, messageId } = this.#opened;
    const { target, identity, idempotencyKey, signal } = options;
    await outbound.edit({ target, identity, idempotencyKey, signal, messageId, body: previewBody(text) });
    this.#shown = text;
  }
}
