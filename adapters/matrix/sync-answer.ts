import type { Account } from "./account.ts";
import type { Intake } from "./intake.ts";
import type { Joins } from "./joins.ts";
import { asRoomId } from "./matrix-ids.ts";
import { asList, asRecord, asString, type Raw } from "./raw.ts";
import { isEntry, isMembershipOf, readBack, sinceInvite } from "./timeline.ts";

/** Rooms of one answer that are worked on side by side. */
const ROOMS_AT_ONCE = 16;

export interface SyncTools {
  readonly account: Account;
  readonly intake: Intake;
  readonly joins: Joins;
  readonly signal: AbortSignal;
}

export interface SyncPosition {
  /** The token of the request that was answered; undefined at the first start. */
  readonly since: string | undefined;
  /** An answer to the same request failed: what is stored of this one is passed over. */
  readonly again: boolean;
}

/**
 * Takes everything of one sync answer; resolves when all of it is committed.
 *
 * A room that fails holds up none of the others; the answer as a whole then fails, and comes again.
 */
export async function takeSyncAnswer(answer: Raw, position: SyncPosition, tools: SyncTools): Promise<void> {
  const { account, joins } = tools;
  for (const value of asList(asRecord(answer["account_data"])?.["events"])) {
    const event = asRecord(value);
    const content = asRecord(event?.["content"]);
    if (event?.["type"] === "m.direct" && content !== undefined) account.rooms.noteDirect(content);
  }
  const rooms = asRecord(answer["rooms"]);
  const work: (() => Promise<void>)[] = [];
  for (const [roomId, room] of sections(rooms?.["join"])) work.push(() => takeJoined(roomId, room, position, tools));
  for (const [roomId, room] of sections(rooms?.["invite"])) {
    const invite = asList(asRecord(room["invite_state"])?.["events"])
      .map(asRecord)
      .find((event) => event !== undefined && isMembershipOf(event, account.userId, "invite"));
    if (invite !== undefined) work.push(() => joins.invited(roomId, account.userId, invite));
  }
  for (const [roomId, room] of sections(rooms?.["leave"])) work.push(() => takeLeft(roomId, room, position, tools));
  await sideBySide(work, ROOMS_AT_ONCE);
}

/** Rooms whose id or form makes no sense are left out: nothing could be said about where they are. */
function sections(value: unknown): (readonly [string, Raw])[] {
  return Object.entries(asRecord(value) ?? {}).flatMap(([key, room]) => {
    const roomId = asRoomId(key);
    const record = asRecord(room);
    return roomId === undefined || record === undefined ? [] : [[roomId, record] as const];
  });
}

async function takeJoined(roomId: string, room: Raw, position: SyncPosition, tools: SyncTools): Promise<void> {
  const { account, intake, signal } = tools;
  const timeline = asRecord(room["timeline"]);
  const events = asList(timeline?.["events"]);
  const prevBatch = asString(timeline?.["prev_batch"]);
  const entry = events.findIndex((event) => isRecord(event) && isEntry(event, account.userId));
  if (entry !== -1) account.rooms.forget(roomId);
  account.rooms.noteReader(roomId, account.userId);
  if (account.rooms.isLoaded(roomId)) {
    for (const value of asList(asRecord(room["state"])?.["events"])) {
      const event = asRecord(value);
      if (event !== undefined) account.rooms.take(roomId, event);
    }
  }
  if (position.since === undefined) {
    await intake.take(roomId, events, { answerFrom: events.length, again: position.again });
    return;
  }
  if (entry !== -1) {
    await takeEntered(roomId, { events, entry, prevBatch, again: position.again }, tools);
    return;
  }
  if (timeline?.["limited"] !== true || prevBatch === undefined || account.config.maxGapEvents === 0) {
    await intake.take(roomId, events, { again: position.again });
    return;
  }
  const gap = await readBack(account, {
    roomId,
    from: prevBatch,
    to: position.since,
    maxEvents: account.config.maxGapEvents,
    until: (event) => account.stored.has(roomId, event),
    signal,
  });
  if (!gap.complete)
    account.sink.logger.error(
      { installationId: account.installationId, events: gap.events.length },
      "a Matrix room had more events while Parley was away than maxGapEvents; older ones are not read",
    );
  await intake.take(roomId, [...gap.events, ...events], { again: position.again });
}

/** A room that was just entered: what came before the invitation is context, what came after it was said to the account. */
async function takeEntered(
  roomId: string,
  stretch: {
    readonly events: readonly unknown[];
    readonly entry: number;
    readonly prevBatch: string | undefined;
    readonly again: boolean;
  },
  { account, intake, signal }: SyncTools,
): Promise<void> {
  const { events, entry, prevBatch, again } = stretch;
  const invite = events.findIndex((event) => isRecord(event) && isMembershipOf(event, account.userId, "invite"));
  if ((invite !== -1 && invite < entry) || prevBatch === undefined) {
    await intake.take(roomId, events, { answerFrom: invite === -1 ? entry : invite, again });
    return;
  }
  const before = await sinceInvite(account, account.userId, { roomId, from: prevBatch, signal });
  const answerFrom = before.answerFrom ?? before.events.length + entry;
  await intake.take(roomId, [...before.events, ...events], { answerFrom, again });
}

/** Of a room that was left nothing is read but the leaving. */
async function takeLeft(roomId: string, room: Raw, position: SyncPosition, tools: SyncTools): Promise<void> {
  const { account, intake } = tools;
  const events = asList(asRecord(room["timeline"])?.["events"]);
  const leaving = events.findLast(
    (event) => isRecord(event) && event["type"] === "m.room.member" && event["state_key"] === account.userId,
  );
  if (leaving !== undefined && position.since !== undefined)
    await intake.take(roomId, [leaving], { again: position.again });
  account.rooms.forget(roomId);
}

function isRecord(value: unknown): value is Raw {
  return asRecord(value) !== undefined;
}

/** Runs everything, `limit` at once; rejects with the first failure after all have ended. */
async function sideBySide(work: readonly (() => Promise<void>)[], limit: number): Promise<void> {
  const queue = [...work];
  let failure: unknown;
  let failed = false;
  const run = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      try {
        await next();
      } catch (error) {
        failure = failed ? failure : error;
        failed = true;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, queue.length) }, run));
  if (failed) throw failure;
}
