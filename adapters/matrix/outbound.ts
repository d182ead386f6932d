import type { AgentIdentity, OutboundPost, Receipt, Target } from "../../src/contracts/adapter.ts";
import { conversationKey } from "../../src/envelope/conversation.ts";
import { ParleyError, toParleyError } from "../../src/errors/parley-error.ts";
import { cancelled } from "../shared/abortable-sleep.ts";
import { KeyedQueue } from "../shared/keyed-queue.ts";
import { liftMassMentions, maySayToAll } from "../shared/mass-mention.ts";
import { untilAbortedOrStarted } from "../shared/until-aborted.ts";
import type { Served } from "./accounts.ts";
import { askCode } from "./ask.ts";
import { DELIVERY_KEY, editContent, messageContent, profileOf, transactionId } from "./content.ts";
import { noteAsk } from "./lookup.ts";
import { type PostBody, readPostBody } from "./post-body.ts";
import { seedReactions } from "./reactions.ts";
import { replyRelation, threadRelation } from "./relations.ts";
import { uploadFile } from "./upload.ts";
import { type EventWrite, type Place, writeEvent } from "./write-event.ts";

/** The body, naming the room where its words do and that is allowed now. https://spec.matrix.org/v1.19/client-server-api/#user-and-room-mentions */
async function saidToAll(post: OutboundPost, body: PostBody): Promise<PostBody> {
  if (body.kind === "upload" || !(await maySayToAll(post, [body.body]))) return body;
  const live = (text: string): string => liftMassMentions(text, () => "@room");
  return { ...body, body: live(body.body), html: live(body.html), room: true };
}

/** Performs the writes of replies: one after another within a conversation, side by side between conversations. */
export class Outbound {
  readonly #need: (installationId: string) => Promise<Served>;
  readonly #order = new KeyedQueue();

  constructor(need: (installationId: string) => Promise<Served>) {
    this.#need = need;
  }

  send(post: OutboundPost): Promise<Receipt> {
    const { installationId, conversation } = post.target;
    const key = conversationKey(installationId, conversation.channel.id, conversation.thread?.id);
    let started = false;
    const work = this.#order.run(key, async () => {
      if (post.signal.aborted) throw cancelled();
      started = true;
      const place = await this.placeOf(post.target, post.identity, post.signal);
      return post.edit === undefined ? this.#post(place, post) : this.#edit(place, post, post.edit.messageId);
    });
    return untilAbortedOrStarted(work, post.signal, () => started);
  }

  /** Finds out as whom the agent writes there. Everything that fails here fails before anything was written. */
  async placeOf(target: Target, identity: AgentIdentity, signal: AbortSignal): Promise<Place> {
    const { account, puppets } = await this.#need(target.installationId);
    const roomId = target.conversation.channel.id;
    const threadId = target.conversation.thread?.id;
    try {
      const actor = await puppets.actorFor(identity, roomId, signal);
      const own = actor !== undefined && actor !== account.userId;
      const shownName = own || !account.config.showNames ? undefined : identity;
      return { account, roomId, threadId, asUser: actor, shownName };
    } catch (error) {
      const fault = toParleyError(error);
      if (fault.delivery !== "unknown") throw fault;
      throw new ParleyError("PLATFORM_UNAVAILABLE", {
        detail: fault.detail ?? fault.code,
        cause: fault,
        facts: fault.facts,
      });
    }
  }

  async #post(place: Place, post: OutboundPost): Promise<Receipt> {
    const body = await saidToAll(post, readPostBody(post.body));
    const txnId = transactionId(post.idempotencyKey);
    const { signal } = post;
    const content =
      body.kind === "upload"
        ? {
            ...(await uploadFile(place, body, signal)),
            ...profileOf(place.shownName),
            [DELIVERY_KEY]: { key: txnId },
          }
        : {
            ...messageContent(body, txnId, place.shownName),
            ...(body.replyTo === undefined ? {} : { "m.relates_to": replyRelation(body.replyTo, place.threadId) }),
          };
    const receipt = await this.postContent(place, { type: "m.room.message", content, txnId, signal });
    if (body.kind === "message" && body.ask !== undefined)
      await this.#openAsk(place, body.ask, receipt.messageId, signal);
    return receipt;
  }

  /** Posts a new message in its thread, if it is in one. */
  async postContent(place: Place, write: EventWrite): Promise<Receipt> {
    const { account, roomId, threadId } = place;
    const content =
      threadId === undefined || "m.relates_to" in write.content
        ? write.content
        : { ...write.content, "m.relates_to": threadRelation(threadId, account.latestIn(roomId, threadId)) };
    const eventId = await writeEvent(place, { ...write, content });
    if (threadId !== undefined) account.noteLatest(roomId, threadId, eventId);
    return { messageId: eventId, platformOrder: account.order.next(roomId, Date.now(), Date.now()) };
  }

  async #edit(place: Place, post: OutboundPost, messageId: string): Promise<Receipt> {
    const body = await saidToAll(post, readPostBody(post.body));
    if (body.kind === "upload") throw new ParleyError("CONTENT_REJECTED", { detail: "a message cannot become a file" });
    const txnId = transactionId(post.idempotencyKey);
    const content = editContent(messageContent(body, txnId, place.shownName), messageId, txnId);
    await writeEvent(place, { type: "m.room.message", content, txnId, signal: post.signal });
    if (body.ask !== undefined) await this.#openAsk(place, body.ask, messageId, post.signal);
    return { messageId };
  }

  /** Makes a request answerable. The message stands already: what fails here leaves it answerable in the other ways. */
  async #openAsk(
    place: Place,
    ask: NonNullable<Extract<PostBody, { kind: "message" }>["ask"]>,
    eventId: string,
    signal: AbortSignal,
  ): Promise<void> {
    const { account, roomId } = place;
    try {
      await noteAsk(account, roomId, askCode(ask.id), eventId);
      if (ask.kind === "approval") void seedReactions(place, eventId, ask, signal);
    } catch (error) {
      const { code } = toParleyError(error);
      account.sink.logger.warn(
        { installationId: account.installationId, code },
        "a request cannot be answered by its code",
      );
    }
  }
}
