import type { AgentIdentity, OutboundPost, Receipt, Target } from "../../src/contracts/adapter.ts";
import type { AdapterStateStore } from "../../src/contracts/adapter-state.ts";
import { conversationKey } from "../../src/envelope/conversation.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { cancelled } from "../shared/abortable-sleep.ts";
import { BoundedMap } from "../shared/bounded-map.ts";
import { KeyedQueue } from "../shared/keyed-queue.ts";
import { maySayToAll } from "../shared/mass-mention.ts";
import { untilAbortedOrStarted } from "../shared/until-aborted.ts";
import type { DiscordClient } from "./client.ts";
import { createPayload, editPayload, isComponentsV2, webhookAuthor } from "./client-payload.ts";
import { DISCORD_CODES, discordCode } from "./errors.ts";
import type { Guilds } from "./guilds.ts";
import { type DeliveryMark, deliveryMark } from "./marks.ts";
import { type PostBody, readPostBody, saidToAll, textsOfBody } from "./post-body.ts";
import { asId, asNumber, asRecord, asString } from "./raw.ts";
import { keepForms } from "./responder.ts";
import { ROUTES } from "./routes.ts";
import { snowflakeToIso, snowflakeToOrder } from "./snowflakes.ts";
import type { Threads } from "./threads.ts";
import type { Webhook, Webhooks } from "./webhooks.ts";

const MAX_REMEMBERED = 20_000;
const UPLOAD_TIMEOUT_MS = 60_000;
/** Discord does not know the webhook, or not its token. */
const WEBHOOK_GONE = new Set<number>([DISCORD_CODES.unknownWebhook, DISCORD_CODES.invalidWebhookToken]);

/** Where an own message is and how it was made. */
interface OwnMessage {
  /** The channel or thread that holds it. */
  readonly channelId: string;
  readonly by: "bot" | "webhook";
  readonly isV2: boolean;
}

/** What a running adapter sends with. */
export interface OutboundTools {
  readonly client: DiscordClient;
  readonly guilds: Guilds;
  readonly webhooks: Webhooks;
  readonly threads: Threads;
  readonly state: AdapterStateStore;
}

export interface NewPost {
  readonly target: Target;
  readonly identity: AgentIdentity;
  readonly idempotencyKey: string;
  readonly body: PostBody;
  readonly signal: AbortSignal;
}

/** Performs the writes of replies: one after another within a conversation, side by side between conversations. */
export class Outbound {
  readonly #tools: () => OutboundTools;
  readonly #secret: string;
  readonly #order = new KeyedQueue();
  readonly #own = new BoundedMap<string, OwnMessage>({ maxEntries: MAX_REMEMBERED });

  constructor(tools: () => OutboundTools, secret: string) {
    this.#tools = tools;
    this.#secret = secret;
  }

  markOf(idempotencyKey: string): DeliveryMark {
    return deliveryMark(this.#secret, idempotencyKey);
  }

  send(post: OutboundPost): Promise<Receipt> {
    const { installationId, conversation } = post.target;
    const key = conversationKey(installationId, conversation.channel.id, conversation.thread?.id);
    let started = false;
    const work = this.#order.run(key, async () => {
      if (post.signal.aborted) throw cancelled();
      started = true;
      const rendered = readPostBody(post.body);
      await this.#tools().guilds.need(installationId);
      const body = (await maySayToAll(post, textsOfBody(rendered))) ? saidToAll(rendered) : rendered;
      if (post.edit !== undefined) return this.edit({ ...post, body, messageId: post.edit.messageId });
      return this.post({ ...post, body });
    });
    return untilAbortedOrStarted(work, post.signal, () => started);
  }

  /** Posts a new message: under the agent's name where a webhook may be, else as the bot with the agent's name above. */
  async post(post: NewPost): Promise<Receipt> {
    const { guilds, webhooks, threads, state } = this.#tools();
    const { installationId, conversation } = post.target;
    guilds.requireReachable(installationId);
    await keepForms(state, installationId, formsOf(post.body));
    if (isDirect(post.target)) return this.#postAsBot(post, conversation.channel.id);
    const webhook = await webhooks.of(installationId, conversation.channel.id, post.signal);
    const threadId = await threads.existing(post.target, post.signal);
    const at = async (thread: string | undefined): Promise<Receipt> => {
      if (webhook === undefined) return this.#postAsBot(post, thread ?? conversation.channel.id);
      return this.#postByWebhook(post, webhook, thread);
    };
    try {
      return await at(threadId);
    } catch (error) {
      // A thread that is not there yet is made from the message that it answers; certain refusals alone come here.
      if (threadId === undefined || discordCode(error) !== 10_003) throw error;
      return at(await threads.create(post.target, post.signal));
    }
  }

  /** Replaces the content of an own message. */
  async edit(edit: NewPost & { readonly messageId: string }): Promise<Receipt> {
    const { client, guilds, webhooks, state } = this.#tools();
    const { target, messageId, body, signal } = edit;
    guilds.requireReachable(target.installationId);
    await keepForms(state, target.installationId, formsOf(body));
    const own = await this.locate(target, messageId, signal);
    const author = own.by === "bot" ? edit.identity : undefined;
    const payload = editPayload(body, this.markOf(edit.idempotencyKey), { author, isV2: own.isV2 });
    const files = body.kind === "components" ? { files: body.files } : {};
    const webhook =
      own.by === "webhook"
        ? await webhooks.of(target.installationId, target.conversation.channel.id, signal)
        : undefined;
    const answer =
      webhook === undefined
        ? await client.call({ route: ROUTES.editMessage(own.channelId, messageId), body: payload, ...files, signal })
        : await client.call({
            route: ROUTES.editWebhookMessage(webhook.id, webhook.token, messageId),
            query: { with_components: true, thread_id: threadOf(target, own.channelId) },
            body: payload,
            ...files,
            signal,
          });
    this.#own.set(messageId, { ...own, isV2: own.isV2 || body.kind === "components" });
    return receiptOf(answer);
  }

  /** Finds out where an own message is and who made it; after a restart from Discord. Throws TARGET_NOT_FOUND. */
  async locate(target: Target, messageId: string, signal: AbortSignal): Promise<OwnMessage> {
    const known = this.#own.get(messageId);
    if (known !== undefined) return known;
    const { client, guilds } = this.#tools();
    const { channel, thread } = target.conversation;
    for (const channelId of thread === undefined ? [channel.id] : [thread.id, channel.id]) {
      try {
        const message = asRecord(await client.call({ route: ROUTES.message(channelId, messageId), signal }));
        const byWebhook =
          asId(message?.["webhook_id"]) !== undefined && asId(message?.["application_id"]) === guilds.bot.applicationId;
        const own: OwnMessage = {
          channelId,
          by: byWebhook ? "webhook" : "bot",
          isV2: isComponentsV2(asNumber(message?.["flags"])),
        };
        this.#own.set(messageId, own);
        return own;
      } catch (error) {
        if (!(error instanceof ParleyError) || error.code !== "TARGET_NOT_FOUND") throw error;
      }
    }
    throw new ParleyError("TARGET_NOT_FOUND", {
      detail: "Discord does not know the message any more",
      facts: { discordCode: DISCORD_CODES.unknownMessage },
    });
  }

  /** Removes an own message. */
  async delete(target: Target, messageId: string, signal: AbortSignal): Promise<void> {
    const { client, webhooks } = this.#tools();
    const own = await this.locate(target, messageId, signal);
    const webhook =
      own.by === "webhook"
        ? await webhooks.of(target.installationId, target.conversation.channel.id, signal)
        : undefined;
    if (webhook === undefined) await client.call({ route: ROUTES.deleteMessage(own.channelId, messageId), signal });
    else
      await client.call({
        route: ROUTES.deleteWebhookMessage(webhook.id, webhook.token, messageId),
        query: { thread_id: threadOf(target, own.channelId) },
        signal,
      });
  }

  async #postAsBot(post: NewPost, channelId: string): Promise<Receipt> {
    const mark = this.markOf(post.idempotencyKey);
    const payload = {
      ...createPayload(post.body, mark, post.identity),
      nonce: mark.nonce,
      enforce_nonce: true,
    };
    const answer = await this.#tools().client.call({
      route: ROUTES.createMessage(channelId),
      body: payload,
      ...uploads(post.body),
      signal: post.signal,
    });
    return this.#posted(post, answer, channelId, "bot");
  }

  async #postByWebhook(post: NewPost, first: Webhook, threadId: string | undefined): Promise<Receipt> {
    const { webhooks, client } = this.#tools();
    const { installationId, conversation } = post.target;
    const body = {
      ...createPayload(post.body, this.markOf(post.idempotencyKey), undefined),
      ...webhookAuthor(post.identity),
    };
    const execute = async (webhook: Webhook): Promise<Receipt> => {
      const answer = await client.call({
        route: ROUTES.executeWebhook(webhook.id, webhook.token),
        query: { wait: true, with_components: true, thread_id: threadId },
        body,
        ...uploads(post.body),
        signal: post.signal,
      });
      return this.#posted(post, answer, threadId ?? conversation.channel.id, "webhook");
    };
    try {
      return await execute(first);
    } catch (error) {
      if (!WEBHOOK_GONE.has(discordCode(error) ?? 0)) throw error;
      await webhooks.forget(installationId, conversation.channel.id);
      const again = await webhooks.of(installationId, conversation.channel.id, post.signal);
      // Once and no more: a webhook that Discord does not know must not be called again and again.
      return again === undefined ? this.#postAsBot(post, threadId ?? conversation.channel.id) : execute(again);
    }
  }

  #posted(post: NewPost, answer: unknown, channelId: string, by: OwnMessage["by"]): Receipt {
    const receipt = receiptOf(answer);
    this.#own.set(receipt.messageId, { channelId, by, isV2: post.body.kind === "components" });
    return receipt;
  }
}

export function isDirect(target: Target): boolean {
  const { kind } = target.conversation.channel;
  return kind === "direct" || kind === "group_direct";
}

function threadOf(target: Target, channelId: string): string | undefined {
  return channelId === target.conversation.channel.id ? undefined : channelId;
}

function uploads(body: PostBody) {
  if (body.kind !== "components" || body.files.length === 0) return {};
  if (body.files.some((file) => file.base64 === ""))
    throw new ParleyError("CONTENT_REJECTED", { detail: "the file is empty" });
  return { files: body.files, timeoutMs: UPLOAD_TIMEOUT_MS };
}

function formsOf(body: PostBody): { inputId: string; json: string }[] {
  return body.forms.flatMap((form) => {
    const inputId = asString(asRecord(form)?.["inputId"]);
    return inputId === undefined ? [] : [{ inputId, json: JSON.stringify(form) }];
  });
}

/** Throws PLATFORM_OUTCOME_UNKNOWN when Discord reports success without saying which message it made. */
export function receiptOf(answer: unknown): Receipt {
  const id = asId(asRecord(answer)?.["id"]);
  if (id === undefined)
    throw new ParleyError("PLATFORM_OUTCOME_UNKNOWN", { detail: "Discord's answer names no message" });
  return { messageId: id, occurredAt: snowflakeToIso(id), platformOrder: snowflakeToOrder(id) };
}
