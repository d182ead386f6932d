import { ParleyError } from "../../src/errors/parley-error.ts";
import { untilAborted } from "../shared/until-aborted.ts";
import type { Account } from "./account.ts";
import { clientPath } from "./client.ts";
import { type Content, DELIVERY_KEY, type ShownName } from "./content.ts";
import { asEventId } from "./matrix-ids.ts";
import { STRICT_AGE_MS } from "./rooms.ts";

/** Where and as whom something is written. */
export interface Place {
  readonly account: Account;
  readonly roomId: string;
  readonly threadId: string | undefined;
  /** The puppet that writes; undefined for the account itself. */
  readonly asUser: string | undefined;
  /** The agent's name, where the account does not show it. */
  readonly shownName: ShownName;
}

export interface EventWrite {
  readonly type: string;
  readonly content: Content;
  readonly txnId: string;
  readonly signal?: AbortSignal | undefined;
  readonly paced?: boolean;
}

/** Writes one event, encrypted where the room is; resolves with its id. */
export async function writeEvent(place: Place, write: EventWrite): Promise<string> {
  const { account, roomId, asUser } = place;
  const sealed = await untilAborted(seal(account, roomId, write.type, write.content), write.signal);
  const answer = await account.send({
    method: "PUT",
    label: `send ${write.type}`,
    path: clientPath("rooms", roomId, "send", sealed.type, write.txnId),
    body: sealed.content,
    roomId,
    asUser,
    signal: write.signal,
    ...(write.paced === undefined ? {} : { paced: write.paced }),
  });
  const eventId = asEventId(answer["event_id"]);
  if (eventId === undefined)
    throw new ParleyError("PLATFORM_OUTCOME_UNKNOWN", { detail: "the homeserver's answer names no event" });
  return eventId;
}

/** Nothing goes in plain into a room that is encrypted, or of which that is not known. */
async function seal(
  account: Account,
  roomId: string,
  type: string,
  content: Content,
): Promise<{ type: string; content: Content }> {
  const { crypto } = account;
  if (crypto === undefined) {
    await requirePlain(account, roomId);
    return { type, content };
  }
  const sealed = await crypto.seal(roomId, type, content);
  if (sealed.type === type) return sealed;
  // Beside the ciphertext the mark stays readable, so that a delivery is found again without its key.
  const mark = content[DELIVERY_KEY];
  return {
    type: sealed.type,
    content: mark === undefined ? sealed.content : { ...sealed.content, [DELIVERY_KEY]: mark },
  };
}

/** Whether what goes to the room has to be encrypted. Rejects, `not_sent`, when that cannot be found out, or cannot be done here. */
export async function isEncrypted(account: Account, roomId: string): Promise<boolean> {
  if (account.crypto !== undefined) return account.crypto.encrypted(roomId);
  await requirePlain(account, roomId);
  return false;
}

async function requirePlain(account: Account, roomId: string): Promise<void> {
  const state = await account.rooms.ensure(roomId, STRICT_AGE_MS);
  if (account.encrypts)
    throw new ParleyError("PLATFORM_UNAVAILABLE", {
      detail: "another process holds this account's device",
      delivery: "not_sent",
    });
  if (state.isEncrypted)
    throw new ParleyError("PLATFORM_FORBIDDEN", {
      detail: "the room is encrypted, and encryption is off for this installation",
    });
  if (!account.rooms.isLoaded(roomId))
    throw new ParleyError("PLATFORM_UNAVAILABLE", {
      detail: "the room's state cannot be read: it may be encrypted",
      delivery: "not_sent",
    });
}
