import { createHmac } from "node:crypto";
import type { AgentIdentity, OutboundPost, Receipt, Target } from "../../src/contracts/adapter.ts";
import type { JsonValue } from "../../src/contracts/json.ts";
import { conversationKey } from "../../src/envelope/conversation.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { cancelled } from "../shared/abortable-sleep.ts";
import { BoundedMap } from "../shared/bounded-map.ts";
import { KeyedQueue } from "../shared/keyed-queue.ts";
import { liftMassMentions, maySayToAll } from "../shared/mass-mention.ts";
import { untilAbortedOrStarted } from "../shared/until-aborted.ts";
import { asAgent } from "./as-agent.ts";
import type { SlackAnswer } from "./client.ts";
import { slackErrorName } from "./errors.ts";
import { type Block, readPostBody } from "./post-body.ts";
import { asString } from "./raw.ts";
import { DELIVERY_EVENT_TYPE } from "./read-back.ts";
import { asTs, tsToIso, tsToOrder } from "./timestamps.ts";
import { uploadFile } from "./upload.ts";
import type { Workspace, WriteOptions } from "./workspace.ts";

/** Previews whose kind is remembered, so that closing a stream is tried only where there is one. */
const MAX_REMEMBERED_PREVIEWS = 10_000;

export type PreviewKind = "stream" | "post";

/** Performs the writes of replies: one after another within a conversation, side by side between conversations. */
export class Outbound {
  readonly #need: (installationId: string) => Promise<Workspace>;
  readonly #secret: string;
  readonly #order = new KeyedQueue();
  readonly #previews = new BoundedMap<string, PreviewKind>({ maxEntries: MAX_REMEMBERED_PREVIEWS });

  constructor(need: (installationId: string) => Promise<Workspace>, secret: string) {
    this.#need = need;
    this.#secret = secret;
  }

  /** The mark of a delivery; only holders of the secret can make or match it. */
  markOf(idempotencyKey: string): string {
    return createHmac("sha256", this.#secret).update(idempotencyKey).digest("base64url").slice(0, 32);
  }

  metadataOf(idempotencyKey: string): { readonly [key: string]: JsonValue } {
    return { event_type: DELIVERY_EVENT_TYPE, event_payload: { k: this.markOf(idempotencyKey) } };
  }

  rememberPreview(installationId: string, messageId: string, kind: PreviewKind): void {
    this.#previews.set(`${installationId}\n${messageId}`, kind);
  }

  send(post: OutboundPost): Promise<Receipt> {
    const { installationId, conversation } = post.target;
    const key = conversationKey(installationId, conversation.channel.id, conversation.thread?.id);
    let started = false;
    const work = this.#order.run(key, async () => {
      if (post.signal.aborted) throw cancelled();
      started = true;
      return this.#write(await this.#need(installationId), post);
    });
    return untilAbortedOrStarted(work, post.signal, () => started);
  }

  /** Posts a new message under the agent's name. */
  async post(
    workspace: Workspace,
    options: {
      target: Target;
      identity: AgentIdentity;
      text: string;
      blocks: readonly Block[];
      idempotencyKey: string;
    },
    write: WriteOptions = {},
  ): Promise<Receipt> {
    const { channel, thread } = options.target.conversation;
    const body = {
      channel: channel.id,
      ...(thread === undefined ? {} : { thread_ts: thread.id }),
      text: options.text,
      blocks: options.blocks,
      metadata: this.metadataOf(options.idempotencyKey),
      unfurl_links: false,
      unfurl_media: false,
      link_names: false,
      parse: "none",
      reply_broadcast: false,
    };
    return receiptOf(
      await asAgent(workspace, options.identity, (identity) =>
        workspace.write("chat.postMessage", { ...body, ...identity }, { ...write, channel: channel.id }),
      ),
    );
  }

  async #write(workspace: Workspace, post: OutboundPost): Promise<Receipt> {
    const given = readPostBody(post.body);
    const body = given.kind === "message" ? { ...given, blocks: await saidToAll(post, given.blocks) } : given;
    if (body.kind === "upload") return uploadFile(workspace, post, body, this.markOf(post.idempotencyKey));
    if (post.edit !== undefined) return this.#edit(workspace, post, post.edit, body);
    return this.post(workspace, { ...post, text: body.text, blocks: body.blocks }, { signal: post.signal });
  }

  async #edit(
    workspace: Workspace,
    post: OutboundPost,
    edit: NonNullable<OutboundPost["edit"]>,
    body: { text: string; blocks: readonly Block[] },
  ): Promise<Receipt> {
    const channel = post.target.conversation.channel.id;
    const kind = this.#previews.get(`${workspace.installationId}\n${edit.messageId}`);
    // After a restart nothing is known of the preview: it may still be streaming, and then it could not be edited.
    if (edit.preview && kind !== "post") await stopStream(workspace, channel, edit.messageId, post.signal);
    const answer = await workspace.write(
      "chat.update",
      {
        channel,
        ts: edit.messageId,
        text: body.text,
        blocks: body.blocks,
        metadata: this.metadataOf(post.idempotencyKey),
        link_names: false,
        parse: "none",
        reply_broadcast: false,
      },
      { channel, signal: post.signal },
    );
    return receiptOf(answer);
  }
}

/** The blocks, with live mass mentions in their prose where they are allowed now. https://docs.slack.dev/messaging/formatting-message-text#special-mentions */
async function saidToAll(post: OutboundPost, blocks: readonly Block[]): Promise<readonly Block[]> {
  const prose = (block: Block): string => (block["type"] === "markdown" ? (asString(block["text"]) ?? "") : "");
  if (!(await maySayToAll(post, blocks.map(prose)))) return blocks;
  // `@everyone` is everybody of the workspace to Slack: what is meant is everybody here.
  const live = (word: string): string => (word === "here" ? "<!here>" : "<!channel>");
  return blocks.map((block) =>
    block["type"] === "markdown" ? { ...block, text: liftMassMentions(prose(block), live) } : block,
  );
}

/** Closes a stream if there is one. What Slack says about its state does not matter: the edit that follows decides. */
export async function stopStream(
  workspace: Workspace,
  channel: string,
  messageId: string,
  signal: AbortSignal,
): Promise<void> {
  if (!workspace.canStream) return;
  try {
    await workspace.write("chat.stopStream", { channel, ts: messageId }, { channel, signal });
  } catch (error) {
    if (!(error instanceof ParleyError)) throw error;
    // Of the failures without a name (network, limits, token) the edit would suffer too: they are for the caller.
    if (
      slackErrorName(error) === undefined ||
      error.code === "PLATFORM_UNAUTHORIZED" ||
      error.code === "PLATFORM_RATE_LIMITED"
    ) {
      if (error.code === "TURN_CANCELLED") throw error;
      // Closing a stream writes no message: whether it happened or not, the caller may try the whole edit again.
      throw new ParleyError(error.code === "PLATFORM_OUTCOME_UNKNOWN" ? "PLATFORM_UNAVAILABLE" : error.code, {
        detail: error.detail ?? error.code,
        cause: error,
        facts: error.facts,
        delivery: "not_sent",
        ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
      });
    }
  }
}

/** Throws PLATFORM_OUTCOME_UNKNOWN when Slack reports success without saying which message it made. */
export function receiptOf(answer: SlackAnswer): Receipt {
  const ts = asTs(answer["ts"]);
  if (ts === undefined)
    throw new ParleyError("PLATFORM_OUTCOME_UNKNOWN", { detail: "Slack's answer names no message" });
  return { messageId: ts, occurredAt: tsToIso(ts), platformOrder: tsToOrder(ts) };
}
