import { randomUUID } from "node:crypto";
import type { Target } from "../../src/contracts/adapter.ts";
import type { Account } from "./account.ts";
import type { Ask } from "./ask.ts";
import { clientPath } from "./client.ts";
import { transactionId } from "./content.ts";
import { errcodeOf } from "./errors.ts";
import { lookUp } from "./lookup.ts";
import { asEventId } from "./matrix-ids.ts";
import { asList, asRecord } from "./raw.ts";
import { type Place, writeEvent } from "./write-event.ts";

/** Puts the signs of a request's options under it, for people to press. Best effort: the commands work without them. */
export async function seedReactions(
  place: Place,
  messageId: string,
  ask: Extract<Ask, { kind: "approval" }>,
  signal: AbortSignal,
): Promise<void> {
  for (const { sign } of ask.options)
    await writeEvent(place, reactionOf(messageId, sign, transactionId(`${messageId} ${sign}`), signal)).catch(
      () => undefined,
    );
}

/** Adds a reaction; that it is there already is no error. */
export async function addReaction(
  account: Account,
  target: Target,
  messageId: string,
  key: string,
  signal: AbortSignal,
): Promise<void> {
  const place = actorIn(account, target);
  try {
    // Not derived from what it is: after a removal the same reaction may come again.
    await writeEvent(place, reactionOf(messageId, key, transactionId(randomUUID()), signal));
  } catch (error) {
    if (errcodeOf(error) !== "M_DUPLICATE_ANNOTATION") throw error;
  }
}

/** Takes the installation's own reaction back; that there is none is no error. */
export async function removeReaction(
  account: Account,
  target: Target,
  messageId: string,
  key: string,
  signal: AbortSignal,
): Promise<void> {
  const { asUser, roomId } = actorIn(account, target);
  const relations = await account.call({
    method: "GET",
    label: "relations",
    path: `/_matrix/client/v1/rooms/${[roomId, "relations", messageId, "m.annotation", "m.reaction"].map(encodeURIComponent).join("/")}`,
    query: { limit: 100 },
    asUser,
    signal,
  });
  const actor = asUser ?? account.userId;
  for (const value of asList(relations["chunk"])) {
    const event = asRecord(value);
    const eventId = asEventId(event?.["event_id"]);
    const relation = asRecord(asRecord(event?.["content"])?.["m.relates_to"]);
    if (event?.["sender"] !== actor || relation?.["key"] !== key || eventId === undefined) continue;
    await redact(account, { roomId, asUser, eventId, signal });
  }
}

/** Takes an own message away, as the account that wrote it. */
export async function deleteMessage(
  account: Account,
  target: Target,
  messageId: string,
  signal: AbortSignal,
): Promise<void> {
  const roomId = target.conversation.channel.id;
  const known = await lookUp(account, roomId, messageId);
  const asUser =
    known !== undefined && account.isOwn(known.sender) && account.puppetPrefix !== undefined
      ? known.sender
      : account.rooms.readerOf(roomId);
  await redact(account, { roomId, asUser, eventId: messageId, signal });
}

export async function redact(
  account: Account,
  what: {
    readonly roomId: string;
    readonly asUser: string | undefined;
    readonly eventId: string;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { roomId, asUser, eventId, signal } = what;
  const txnId = transactionId(`redact ${roomId} ${eventId}`);
  await account.send({
    method: "PUT",
    label: "redact",
    path: clientPath("rooms", roomId, "redact", eventId, txnId),
    body: {},
    roomId,
    asUser,
    signal,
  });
}

function actorIn(account: Account, target: Target): Place {
  const roomId = target.conversation.channel.id;
  return { account, roomId, threadId: undefined, asUser: account.rooms.readerOf(roomId), shownName: undefined };
}

function reactionOf(messageId: string, key: string, txnId: string, signal: AbortSignal) {
  const relation = { rel_type: "m.annotation", event_id: messageId, key };
  return { type: "m.reaction", content: { "m.relates_to": relation }, txnId, signal };
}
