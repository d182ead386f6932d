import type { Account } from "./account.ts";
import { clientPath } from "./client.ts";
import { asList, asRecord, asString, type Raw } from "./raw.ts";

const PAGE_SIZE = 100;
/** Most events that are looked through for an own invitation. */
const MAX_SINCE_INVITE = 300;
const PAGE_TIMEOUT_MS = 60_000;

export interface ReadBack {
  readonly roomId: string;
  /** Where to begin; default the room's newest event. */
  readonly from?: string | undefined;
  /** A position not to read beyond. */
  readonly to?: string | undefined;
  readonly maxEvents: number;
  /** Ends the reading at this event, which is still given. */
  readonly until?: (event: Raw) => boolean;
  readonly asUser?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A room's events before a position, oldest first; `complete` is false when there were more than asked for. */
export async function readBack(
  account: Account,
  options: ReadBack,
): Promise<{ readonly events: readonly Raw[]; readonly complete: boolean }> {
  const newestFirst: Raw[] = [];
  let from = options.from;
  for (;;) {
    const room = options.maxEvents - newestFirst.length;
    if (room <= 0) return { events: newestFirst.toReversed(), complete: false };
    const page = await account.call({
      method: "GET",
      label: "messages",
      path: clientPath("rooms", options.roomId, "messages"),
      query: { dir: "b", limit: Math.min(PAGE_SIZE, room), from, to: options.to },
      asUser: options.asUser,
      signal: options.signal,
      timeoutMs: PAGE_TIMEOUT_MS,
    });
    const chunk = asList(page["chunk"]);
    for (const value of chunk) {
      const event = asRecord(value);
      if (event === undefined) continue;
      newestFirst.push(event);
      if (options.until?.(event)) return { events: newestFirst.toReversed(), complete: true };
    }
    const end = asString(page["end"]);
    if (end === undefined || end === from || chunk.length === 0)
      return { events: newestFirst.toReversed(), complete: true };
    from = end;
  }
}

/** Whether the event is that account's invitation or its join. */
export function isMembershipOf(event: Raw, userId: string, membership: "invite" | "join"): boolean {
  return (
    event["type"] === "m.room.member" &&
    event["state_key"] === userId &&
    asRecord(event["content"])?.["membership"] === membership
  );
}

/** Whether the event brings the account into the room, and is no change of its name. */
export function isEntry(event: Raw, userId: string): boolean {
  if (!isMembershipOf(event, userId, "join")) return false;
  const previous = asRecord(asRecord(event["unsigned"])?.["prev_content"]) ?? asRecord(event["prev_content"]);
  return previous?.["membership"] !== "join";
}

/**
 * What was said in a room between an account's invitation and its entry: meant for it, and never sent to it.
 *
 * `events` end before `from`; undefined `answerFrom` means that no invitation was found, so nobody was waiting for an answer.
 */
export async function sinceInvite(
  account: Account,
  userId: string,
  options: Omit<ReadBack, "maxEvents" | "until" | "to">,
): Promise<{ readonly events: readonly Raw[]; readonly answerFrom: number | undefined }> {
  const isInvite = (event: Raw): boolean => isMembershipOf(event, userId, "invite");
  const { events } = await readBack(account, { ...options, maxEvents: MAX_SINCE_INVITE, until: isInvite });
  const invite = events.findIndex(isInvite);
  return { events, answerFrom: invite === -1 ? undefined : invite + 1 };
}
