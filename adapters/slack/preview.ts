import type { Receipt } from "../../src/contracts/adapter.ts";
import type { LivePreview, PreviewOptions } from "../../src/contracts/adapter-features.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { asAgent } from "./as-agent.ts";
import { markdownBlock, stopBlock } from "./blocks.ts";
import { slackErrorName } from "./errors.ts";
import { type MarkupOptions, toFallback } from "./markup.ts";
import { type Outbound, receiptOf } from "./outbound.ts";
import { editablePreview, nextIncrement } from "./preview-text.ts";
import type { Workspace } from "./workspace.ts";

/** Appends per workspace are about 1.6 a second: words are gathered for this long. */
const STREAM_INTERVAL_MS = 750;
/** Least time between two edits of a preview without a stream. */
export const EDIT_INTERVAL_MS = 1_200;
/** A preview that fails this often in a row stays as it is; the final text does not depend on it. */
const MAX_FAILURES = 3;

/** Answers that say: no streams here at all, or not in this conversation. */
const NO_STREAMS = new Set([
  "unknown_method",
  "method_deprecated",
  "method_not_supported",
  "feature_not_enabled",
  "not_supported",
  "not_allowed_token_type",
]);

/** Opens a live message: a native stream where Slack has it, else a post with a stop button that is edited. */
export async function openPreview(
  workspace: Workspace,
  outbound: Outbound,
  options: PreviewOptions,
  markup: MarkupOptions,
): Promise<LivePreview> {
  const stream = await tryStream(workspace, options, markup);
  if (stream !== undefined) {
    outbound.rememberPreview(workspace.installationId, stream.receipt.messageId, "stream");
    return new Preview({ workspace, options, markup, receipt: stream.receipt, shown: stream.shown, streaming: true });
  }
  const shown = editablePreview(options.markdown, markup);
  const receipt = await outbound.post(
    workspace,
    { ...options, text: toFallback(options.markdown), blocks: [markdownBlock(shown || "…"), stopBlock()] },
    { signal: options.signal },
  );
  outbound.rememberPreview(workspace.installationId, receipt.messageId, "post");
  return new Preview({ workspace, options, markup, receipt, shown, streaming: false });
}

/** Undefined when this conversation takes no stream; then nothing was written. https://docs.slack.dev/reference/methods/chat.startStream */
async function tryStream(
  workspace: Workspace,
  options: PreviewOptions,
  markup: MarkupOptions,
): Promise<{ receipt: Receipt; shown: string } | undefined> {
  const { conversation } = options;
  const channel = conversation.channel.id;
  const direct = conversation.channel.kind === "direct";
  const { askerId } = options.target;
  if (!workspace.canStream || conversation.thread === undefined || (!direct && askerId === undefined)) return undefined;
  if (!workspace.mayPreview("chat.startStream", channel)) return undefined;
  const shown = nextIncrement("", options.markdown, markup) ?? "";
  const body = {
    channel,
    thread_ts: conversation.thread.id,
    ...(shown === "" ? {} : { markdown_text: shown }),
    ...(direct || askerId === undefined
      ? {}
      : { recipient_user_id: askerId, recipient_team_id: conversation.space.id }),
  };
  try {
    const write = { channel, signal: options.signal, paced: false };
    const answer = await asAgent(workspace, options.identity, (author) =>
      workspace.write("chat.startStream", { ...body, ...author }, write),
    );
    return { receipt: receiptOf(answer), shown };
  } catch (error) {
    const name = slackErrorName(error);
    // Refused by name and so certainly not written: the same text goes out as a post, whose own refusal is the one to report.
    if (
      name === undefined ||
      !(error instanceof ParleyError) ||
      error.delivery !== "not_sent" ||
      error.code === "PLATFORM_UNAUTHORIZED"
    )
      throw error;
    if (NO_STREAMS.has(name)) workspace.canStream = false;
    return undefined;
  }
}

interface PreviewState {
  readonly workspace: Workspace;
  readonly options: PreviewOptions;
  readonly markup: MarkupOptions;
  readonly receipt: Receipt;
  readonly shown: string;
  readonly streaming: boolean;
}

class Preview implements LivePreview {
  readonly receipt: Receipt;
  readonly #workspace: Workspace;
  readonly #options: PreviewOptions;
  readonly #markup: MarkupOptions;
  #shown: string;
  #streaming: boolean;
  #latest: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> | undefined;
  #lastWriteAtMs = Date.now();
  #failures = 0;
  #ended = false;

  constructor(state: PreviewState) {
    this.receipt = state.receipt;
    this.#workspace = state.workspace;
    this.#options = state.options;
    this.#markup = state.markup;
    this.#shown = state.shown;
    this.#streaming = state.streaming;
    if (state.options.signal.aborted) this.#end();
    state.options.signal.addEventListener("abort", () => this.#end(), { once: true });
  }

  offer(markdown: string): void {
    if (this.#ended) return;
    this.#latest = markdown;
    this.#schedule();
  }

  async settle(): Promise<void> {
    this.#end();
    await this.#flushing;
  }

  #end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#flushing !== undefined || this.#latest === undefined || this.#ended) return;
    const intervalMs = this.#streaming ? STREAM_INTERVAL_MS : EDIT_INTERVAL_MS;
    const dueInMs = Math.max(0, this.#lastWriteAtMs + intervalMs - Date.now());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#flushing = this.#flush().finally(() => {
        this.#flushing = undefined;
        this.#schedule();
      });
    }, dueInMs);
  }

  /** Never rejects: a preview may be lost, its final text may not. */
  async #flush(): Promise<void> {
    const markdown = this.#latest;
    this.#latest = undefined;
    this.#lastWriteAtMs = Date.now();
    if (markdown === undefined) return;
    try {
      if (this.#streaming) await this.#append(markdown);
      else await this.#edit(markdown);
      this.#failures = 0;
    } catch (error) {
      this.#failed(error, markdown);
    }
  }

  async #append(markdown: string): Promise<void> {
    const { conversation, signal } = this.#options;
    const channel = conversation.channel.id;
    const text = nextIncrement(this.#shown, markdown, this.#markup);
    if (text === undefined || text === "") return;
    if (!this.#workspace.mayPreview("chat.appendStream", channel)) {
      this.#latest ??= markdown;
      return;
    }
    await this.#workspace.write(
      "chat.appendStream",
      { channel, ts: this.receipt.messageId, markdown_text: text },
      { channel, signal, paced: false },
    );
    this.#shown += text;
  }

  async #edit(markdown: string): Promise<void> {
    const { conversation, signal } = this.#options;
    const channel = conversation.channel.id;
    const text = editablePreview(markdown, this.#markup);
    if (text === this.#shown || text === "") return;
    if (!this.#workspace.mayPreview("chat.update", channel)) {
      this.#latest ??= markdown;
      return;
    }
    await this.#workspace.write(
      "chat.update",
      {
        channel,
        ts: this.receipt.messageId,
        text: toFallback(markdown),
        blocks: [markdownBlock(text), stopBlock()],
        link_names: false,
        parse: "none",
      },
      { channel, signal, paced: false },
    );
    this.#shown = text;
  }

  #failed(error: unknown, markdown: string): void {
    const name = slackErrorName(error);
    this.#failures += 1;
    if (name === "message_not_in_streaming_state") {
      // Slack closes streams after about five minutes (slackapi/node-slack-sdk#2702): go on by edits.
      this.#streaming = false;
      this.#shown = "";
      this.#latest ??= markdown;
      return;
    }
    if (error instanceof ParleyError && error.code === "PLATFORM_RATE_LIMITED") {
      this.#lastWriteAtMs = Date.now() + (error.retryAfterMs ?? 0);
      this.#latest ??= markdown;
      this.#failures = 0;
      return;
    }
    // An append whose fate is unknown must not be repeated: the stream would show it twice.
    const unknown = this.#streaming && error instanceof ParleyError && error.delivery === "unknown";
    if (unknown || name === "stopped_by_user" || this.#failures >= MAX_FAILURES) this.#end();
  }
}
