import type { Receipt } from "../../src/contracts/adapter.ts";
import type { LivePreview, PreviewOptions } from "../../src/contracts/adapter-features.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { judgePreviewFailure, type PreviewWriter, runLivePreview } from "../shared/live-preview.ts";
import type { PreviewVerdict } from "../shared/live-preview-machine.ts";
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
  const live = (opened: { receipt: Receipt; shown: string; streaming: boolean }): LivePreview =>
    runLivePreview({
      receipt: opened.receipt,
      writer: new SlackPreviewWriter({ workspace, options, markup, ...opened, messageId: opened.receipt.messageId }),
      signal: options.signal,
    });
  const stream = await tryStream(workspace, options, markup);
  if (stream !== undefined) {
    outbound.rememberPreview(workspace.installationId, stream.receipt.messageId, "stream");
    return live({ receipt: stream.receipt, shown: stream.shown, streaming: true });
  }
  const shown = editablePreview(options.markdown, markup);
  const receipt = await outbound.post(
    workspace,
    { ...options, text: toFallback(options.markdown), blocks: [markdownBlock(shown || "…"), stopBlock()] },
    { signal: options.signal },
  );
  outbound.rememberPreview(workspace.installationId, receipt.messageId, "post");
  return live({ receipt, shown, streaming: false });
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

interface OpenedPreview {
  readonly workspace: Workspace;
  readonly options: PreviewOptions;
  readonly markup: MarkupOptions;
  readonly messageId: string;
  readonly shown: string;
  readonly streaming: boolean;
}

/** What is to be written: more words for a stream, or the whole text with the words of its notification. */
interface PreviewEdit {
  readonly text: string;
  readonly fallback: string;
}

/** Appends to a stream as long as Slack keeps it open, edits the message from then on. */
class SlackPreviewWriter implements PreviewWriter<PreviewEdit> {
  readonly #opened: OpenedPreview;
  #shown: string;
  #streaming: boolean;

  constructor(opened: OpenedPreview) {
    this.#opened = opened;
    this.#shown = opened.shown;
    this.#streaming = opened.streaming;
  }

  get minIntervalMs(): number {
    return this.#streaming ? STREAM_INTERVAL_MS : EDIT_INTERVAL_MS;
  }

  prepare(markdown: string): PreviewEdit | undefined {
    const { markup } = this.#opened;
    const text = this.#streaming ? nextIncrement(this.#shown, markdown, markup) : editablePreview(markdown, markup);
    if (text === undefined || text === "" || text === this.#shown) return undefined;
    return { text, fallback: this.#streaming ? "" : toFallback(markdown) };
  }

  takeTurn(): number {
    const { workspace, options } = this.#opened;
    const method = this.#streaming ? "chat.appendStream" : "chat.update";
    return workspace.previewWaitMs(method, options.conversation.channel.id);
  }

  async write({ text, fallback }: PreviewEdit): Promise<void> {
    const { workspace, options, messageId } = this.#opened;
    const channel = options.conversation.channel.id;
    const write = { channel, signal: options.signal, paced: false };
    if (this.#streaming) {
      await workspace.write("chat.appendStream", { channel, ts: messageId, markdown_text: text }, write);
      this.#shown += text;
      return;
    }
    const blocks = [markdownBlock(text), stopBlock()];
    const body = { channel, ts: messageId, text: fallback, blocks, link_names: false, parse: "none" };
    await workspace.write("chat.update", body, write);
    this.#shown = text;
  }

  judge(error: unknown): PreviewVerdict {
    const name = slackErrorName(error);
    if (name === "message_not_in_streaming_state") {
      // Slack closes streams after about five minutes (slackapi/node-slack-sdk#2702): go on by edits.
      this.#streaming = false;
      this.#shown = "";
      return { kind: "changed_over" };
    }
    // An append whose fate is unknown must not be repeated: the stream would show it twice.
    const unknown = this.#streaming && error instanceof ParleyError && error.delivery === "unknown";
    return unknown || name === "stopped_by_user" ? { kind: "given_up" } : judgePreviewFailure(error);
  }
}
