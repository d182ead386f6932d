import { ParleyError, toParleyError } from "../../src/errors/parley-error.ts";
import type { Account } from "./account.ts";
import { clientPath } from "./client.ts";
import { type KnownEvent, knownEvent } from "./event-index.ts";
import { asEventId } from "./matrix-ids.ts";
import { isRefusal } from "./patience.ts";
import { asRecord, type Raw } from "./raw.ts";

const ASK_PREFIX = "ask/";

/**
 * The event that another one names, from memory or from the homeserver; only ever out of the same room.
 *
 * Undefined when the homeserver says that there is none, or that it may not be seen. Rejects when it could not be asked: what
 * depends on the answer has to wait.
 */
export async function lookUp(account: Account, roomId: string, eventId: string): Promise<KnownEvent | undefined> {
  const known = account.events.get(roomId, eventId);
  // What an own message asks for is in its content alone.
  const asks = known?.recalled === true && known.type !== "m.reaction" && account.isOwn(known.sender);
  if (known !== undefined && !asks) return known;
  const event = await fetchEvent(account, roomId, eventId);
  if (event === undefined) return known;
  // A homeserver that answers with an event of another room would let one room speak in another.
  if (event["room_id"] !== undefined && event["room_id"] !== roomId) return undefined;
  const plain = event["type"] === "m.room.encrypted" ? await account.crypto?.read(roomId, event) : undefined;
  const read = knownEvent(roomId, plain ?? event);
  if (read === undefined || read.eventId !== eventId) return known;
  // A redaction takes away in which thread it was.
  const found = { ...read, threadId: read.threadId ?? known?.threadId };
  account.events.note(found);
  return found;
}

/**
 * A message as it is once one of its edits was taken back: with the content of the newest edit that is left, else with its own.
 *
 * Undefined when it may not be seen. Rejects when it could not be asked for.
 */
export async function messageWithout(
  account: Account,
  roomId: string,
  { eventId, editId }: { readonly eventId: string; readonly editId: string },
): Promise<Raw | undefined> {
  const inPlain = async (event: Raw | undefined): Promise<Raw | undefined> =>
    event?.["type"] === "m.room.encrypted" ? account.crypto?.read(roomId, event) : event;
  const event = await fetchEvent(account, roomId, eventId);
  if (event === undefined || (event["room_id"] !== undefined && event["room_id"] !== roomId)) return undefined;
  // https://spec.matrix.org/v1.19/client-server-api/#server-side-aggregation-of-mreplace-relationships
  const newest = asRecord(asRecord(asRecord(event["unsigned"])?.["m.relations"])?.["m.replace"]);
  const [original, edit] = await Promise.all([inPlain(event), inPlain(newest)]);
  const left = newest?.["event_id"] === editId ? undefined : asRecord(asRecord(edit?.["content"])?.["m.new_content"]);
  return original === undefined || left === undefined ? original : { ...original, content: left };
}

/** Undefined when the homeserver says that there is none, or that it may not be seen; while it limits such questions it is not asked. */
async function fetchEvent(account: Account, roomId: string, eventId: string): Promise<Raw | undefined> {
  const pauseMs = account.lookUpsFromMs - Date.now();
  if (pauseMs > 0)
    throw new ParleyError("PLATFORM_RATE_LIMITED", { detail: "the homeserver limits event", retryAfterMs: pauseMs });
  try {
    return await account.call({
      method: "GET",
      label: "event",
      path: clientPath("rooms", roomId, "event", eventId),
      asUser: account.rooms.readerOf(roomId),
    });
  } catch (error) {
    if (isRefusal(error)) return undefined;
    const { code, retryAfterMs } = toParleyError(error);
    if (code === "PLATFORM_RATE_LIMITED") account.lookUpsFromMs = Date.now() + (retryAfterMs ?? 0);
    throw error;
  }
}

/** Notes by which code people may name a request in this room; see `askCode`. */
export async function noteAsk(account: Account, roomId: string, code: string, eventId: string): Promise<void> {
  const row = new Map([[askKey(roomId, code), Buffer.from(eventId, "utf8")]]);
  await account.sink.state.write(account.installationId, row);
}

/** The request of that code in this room. */
export async function findAsk(account: Account, roomId: string, code: string): Promise<string | undefined> {
  const key = askKey(roomId, code);
  const row = (await account.sink.state.read(account.installationId, key)).get(key);
  return row === undefined ? undefined : asEventId(Buffer.from(row).toString("utf8"));
}

function askKey(roomId: string, code: string): string {
  return `${ASK_PREFIX}${roomId}/${code}`;
}
