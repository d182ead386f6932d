import { Readable } from "node:stream";
import { z } from "zod";
import type { OutboundPost, Receipt, ReconcileOutcome, ReconcileQuery, Target } from "../../src/contracts/adapter.ts";
import type { PrivateReply } from "../../src/contracts/adapter-features.ts";
import type { JsonValue } from "../../src/contracts/json.ts";
import type { WebMentions, WebPostRecord, WebUploadRecord } from "../../src/contracts/web-room-records.ts";
import type { WebRoomStore } from "../../src/contracts/web-room-store.ts";
import { toSafeText } from "../../src/envelope/content.ts";
import { MAX_ARTIFACT_BYTES, ReplyPart } from "../../src/envelope/reply.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { cancelled } from "../shared/abortable-sleep.ts";
import { KeyedQueue } from "../shared/keyed-queue.ts";
import { newId } from "./ids.ts";
import { seqToOrder } from "./inbound.ts";
import { readMentions } from "./mentions.ts";
import type { PeopleDirectory } from "./people-directory.ts";
import { renderParts } from "./render.ts";
import { toSendError, withAbort } from "./send-errors.ts";
import { storeUpload } from "./store-upload.ts";

/** The body that `render` makes, read back from the outbox. */
const Body = z.object({ parts: z.array(ReplyPart), mentionable: z.array(z.string()).default([]) });

export const NO_MENTIONS: WebMentions = { personIds: [], agentHandles: [], everyone: false };

/** Writes agents' posts into the platform log: each idempotency key once, whoever tries and however often. */
export class Outbound {
  readonly #store: WebRoomStore;
  readonly #people: PeopleDirectory;
  readonly #order = new KeyedQueue();

  constructor(store: WebRoomStore, people: PeopleDirectory) {
    this.#store = store;
    this.#people = people;
  }

  /** Shows a reply to one person alone: posts that nobody else is given, each idempotency key once. */
  async show({ parts, personId, ...given }: PrivateReply): Promise<void> {
    const { identity, target } = given;
    const posts = renderParts(parts, { identity, conversation: target.conversation, mentionable: [] });
    for (const [index, post] of posts.entries())
      await this.send({ ...given, ...post, idempotencyKey: `${given.idempotencyKey}:${index}` }, personId);
  }

  /** One after another within a conversation, as they were sent; side by side between conversations. */
  async send(post: OutboundPost, visibleTo?: string): Promise<Receipt> {
    const { roomId, threadRootId = "" } = placeOf(post.target);
    let isWriting = false;
    const write = async (): Promise<Receipt> =>
      await this.#order.run(`${roomId}\n${threadRootId}`, async () => {
        if (post.signal.aborted) throw cancelled();
        isWriting = true;
        return receiptOf(await this.#write(post, visibleTo));
      });
    return await withAbort(post.signal, write, () => isWriting);
  }

  async #write(post: OutboundPost, visibleTo: string | undefined): Promise<WebPostRecord> {
    const { organizationId, roomId } = placeOf(post.target);
    const body = Body.safeParse(post.body);
    if (!body.success)
      throw new ParleyError("CONTENT_REJECTED", { detail: "the body is none that the web room renders" });
    const hasFiles = body.data.parts.some((part) => part.type === "artifact");
    if (hasFiles && post.edit === undefined) {
      // Bytes are written before the post is; a repeat must not write them again for nothing.
      const { idempotencyKey } = post;
      const earlier = await this.#store.posts.byIdempotencyKey({ organizationId, roomId, idempotencyKey });
      if (earlier !== undefined) return earlier;
    }
    const uploads: WebUploadRecord[] = [];
    try {
      const parts = await this.#storeArtifacts(body.data.parts, { organizationId, roomId }, uploads);
      const content = {
        text: toSafeText(post.fallbackText),
        parts,
        mentions: await this.#mentionsOf(organizationId, post, body.data.mentionable),
        uploads,
      };
      return await this.#commit(post, content, visibleTo);
    } catch (error) {
      // A post whose commit is in doubt may refer to them.
      const isCertain = toSendError(error).delivery === "not_sent";
      if (isCertain) await this.#store.uploads.removeFiles(uploads.map((upload) => upload.storedName));
      throw error;
    }
  }

  async #commit(
    post: OutboundPost,
    content: { text: string; parts: readonly JsonValue[]; mentions: WebMentions; uploads: readonly WebUploadRecord[] },
    visibleTo: string | undefined,
  ): Promise<WebPostRecord> {
    const { organizationId, roomId, threadRootId } = placeOf(post.target);
    if (post.edit !== undefined) {
      const { messageId } = post.edit;
      const replaced = await this.#store.posts.replaceByAgent({
        organizationId,
        roomId,
        postId: messageId,
        ...content,
      });
      await this.#store.uploads.removeFiles(replaced.unusedFiles);
      return replaced.post;
    }
    const created = await this.#store.posts.createByAgent({
      organizationId,
      roomId,
      postId: newId("m"),
      idempotencyKey: post.idempotencyKey,
      agent: post.identity,
      state: "final",
      ...(threadRootId === undefined ? {} : { threadRootId }),
      ...(visibleTo === undefined ? {} : { visibleTo }),
      ...content,
    });
    if (created.duplicate) await this.#store.uploads.removeFiles(content.uploads.map((upload) => upload.storedName));
    return created.post;
  }

  /** Puts each artifact's bytes on disk, and in its place a reference; `stored` grows as it goes, so that a failure can be cleaned up. */
  async #storeArtifacts(
    parts: readonly ReplyPart[],
    place: { organizationId: string; roomId: string },
    stored: WebUploadRecord[],
  ): Promise<readonly JsonValue[]> {
    const result: JsonValue[] = [];
    for (const part of parts) {
      if (part.type !== "artifact") {
        // A part that came through its schema is plain data.
        result.push(part as JsonValue);
        continue;
      }
      const { base64, name, mediaType, ...reference } = part;
      const bytes = Buffer.from(base64, "base64");
      const upload = await storeUpload(
        this.#store.uploads,
        { ...place, name, mediaType, maxBytes: MAX_ARTIFACT_BYTES },
        Readable.from([bytes]),
      );
      stored.push(upload);
      result.push({ ...(reference as { readonly [key: string]: JsonValue }), uploadId: upload.uploadId });
    }
    return result;
  }

  /** Of the people whom the text names, only those it may mention are told; and everybody only where that is allowed now. */
  async #mentionsOf(organizationId: string, post: OutboundPost, mentionable: readonly string[]): Promise<WebMentions> {
    const { fallbackText: text, mayMentionEveryone } = post;
    if ((mentionable.length === 0 && mayMentionEveryone === undefined) || !text.includes("@")) return NO_MENTIONS;
    const people = (await this.#people.list(organizationId)).filter(({ personId }) => mentionable.includes(personId));
    const { mentions } = readMentions(text, { agents: [], people });
    const everyone = mentions.everyone && (await mayMentionEveryone?.()) === true;
    return { ...NO_MENTIONS, personIds: mentions.personIds, everyone };
  }

  async reconcile(query: ReconcileQuery): Promise<ReconcileOutcome> {
    const { organizationId, roomId } = placeOf(query.target);
    const { idempotencyKey } = query;
    const post = await this.#store.posts.byIdempotencyKey({ organizationId, roomId, idempotencyKey });
    return post === undefined ? { absent: true } : { found: receiptOf(post) };
  }
}

export interface WebPlace {
  readonly organizationId: string;
  readonly roomId: string;
  readonly threadRootId?: string;
}

export function placeOf(target: Target): WebPlace {
  const { channel, thread } = target.conversation;
  return {
    organizationId: target.organizationId,
    roomId: channel.id,
    ...(thread === undefined ? {} : { threadRootId: thread.id }),
  };
}

export function receiptOf(post: WebPostRecord): Receipt {
  return { messageId: post.postId, occurredAt: post.createdAt, platformOrder: seqToOrder(post.seq) };
}
