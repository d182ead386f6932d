import { ParleyError, toParleyError } from "../../src/errors/parley-error.ts";
import { abortableSleep } from "../shared/abortable-sleep.ts";
import type { WebClient } from "./client-sdk.ts";
import { asList, asRecord, asString, type Raw } from "./raw.ts";
import { asTs, msToTs, tsToMs, tsToOrder } from "./timestamps.ts";
import type { Workspace } from "./workspace.ts";

/** Half of what Slack gives at most; apps that it holds to less get less. */
const PAGE_SIZE = 500;
/** How far before a gap threads begin whose new replies are found, and messages were written whose edits are found. */
const LOOK_BACK_MS = 7 * 24 * 60 * 60_000;
/** With so many messages from before the gap no further page is read for their sake. */
const ENOUGH_LOOKED_BACK = 100;
/** Slack's clock may be ahead of this one by so much. */
const AHEAD_MS = 10 * 60_000;
const RETRY_MS = [1_000, 2_000, 5_000, 15_000, 30_000] as const;
/** A reading that ended so says nothing about the place: it is tried again. */
const PASSING: ReadonlySet<string> = new Set([
  "PLATFORM_RATE_LIMITED",
  "PLATFORM_UNAVAILABLE",
  "PLATFORM_OUTCOME_UNKNOWN",
  "LEASE_LOST",
]);

export interface MissedQuery {
  readonly channelId: string;
  /** Messages after this one are missed ones. */
  readonly after: string;
  readonly maxMessages: number;
  readonly signal: AbortSignal;
}

export interface Missed {
  /** Oldest first, replies of threads among the others; what lies before `after` is there for its edits. */
  readonly messages: readonly Raw[];
  /** More was missed than is read: the oldest of it is left out. */
  readonly cut: boolean;
}

/** All conversations that the bot is in now and that are not archived. */
export async function readOwnChannels(workspace: Workspace, signal: AbortSignal): Promise<readonly Raw[]> {
  const list = (types: string): Promise<readonly Raw[]> =>
    readPages(signal, (cursor) =>
      workspace.read(
        "users.conversations",
        (web) => web.users.conversations({ types, exclude_archived: true, limit: 999, ...cursor }),
        signal,
      ),
    );
  try {
    return await list("public_channel,private_channel,mpim,im");
  } catch (error) {
    if (toParleyError(error).code !== "PLATFORM_FORBIDDEN") throw error;
    // A scope is missing for one of the kinds.
    const kinds = ["public_channel", "private_channel", "mpim", "im"];
    const lists = await Promise.all(kinds.map((kind) => list(kind).catch(() => [])));
    return lists.flat();
  }
}

/** Everything said in a channel and its threads after a message. Rejects when Slack refuses for good, and once the signal aborts. */
export async function readMissed(workspace: Workspace, query: MissedQuery): Promise<Missed> {
  const { channelId: channel, after, maxMessages, signal } = query;
  const found = new Map<string, Raw>();
  let missed = 0;
  let lookedBack = 0;
  const note = (message: Raw): void => {
    const ts = asTs(message["ts"]);
    if (ts === undefined || found.has(ts)) return;
    found.set(ts, message);
    if (isAfter(ts, after)) missed += 1;
    else lookedBack += 1;
  };
  // With `latest`, the newest come first: without it, Slack may begin at the other end.
  const range = { oldest: msToTs(tsToMs(after) - LOOK_BACK_MS), latest: msToTs(Date.now() + AHEAD_MS) };
  const isEnough = (): boolean => lookedBack >= ENOUGH_LOOKED_BACK || missed >= maxMessages;
  const history = (web: WebClient, cursor: Cursor) =>
    web.conversations.history({ channel, ...range, limit: PAGE_SIZE, ...cursor });
  const read = (cursor: Cursor) => workspace.read("conversations.history", (web) => history(web, cursor), signal);
  await eachPage(signal, read, (page) => {
    for (const message of page) note(message);
    return !isEnough();
  });
  const cut = missed >= maxMessages;
  for (const root of [...found.values()].filter((message) => message["latest_reply"] !== undefined)) {
    const ts = asTs(root["ts"]);
    const latestReply = asTs(root["latest_reply"]);
    if (ts === undefined || latestReply === undefined || !isAfter(latestReply, after)) continue;
    const replies = await readPages(signal, (cursor) =>
      workspace.read(
        "conversations.replies",
        (web) => web.conversations.replies({ channel, ts, oldest: after, limit: PAGE_SIZE, ...cursor }),
        signal,
      ),
    );
    for (const reply of replies) note(reply);
  }
  const order = (message: Raw): string => tsToOrder(asTs(message["ts"]) ?? "0.0");
  return { messages: [...found.values()].toSorted((a, b) => (order(a) < order(b) ? -1 : 1)), cut };
}

export function isAfter(ts: string, after: string): boolean {
  return tsToOrder(ts) > tsToOrder(after);
}

type Cursor = { readonly cursor?: string };

async function readPages(signal: AbortSignal, read: (cursor: Cursor) => Promise<object>): Promise<Raw[]> {
  const all: Raw[] = [];
  await eachPage(signal, read, (page) => {
    all.push(...page);
    return true;
  });
  return all;
}

/** Reads page by page until the last one, or until `take` has enough. */
async function eachPage(
  signal: AbortSignal,
  read: (cursor: Cursor) => Promise<object>,
  take: (page: readonly Raw[]) => boolean,
): Promise<void> {
  let cursor: string | undefined;
  do {
    const at = cursor;
    const answer = asRecord(await patiently(() => read(at === undefined ? {} : { cursor: at }), signal));
    const items = asList(answer?.["messages"] ?? answer?.["channels"]).map(asRecord);
    if (!take(items.filter((item) => item !== undefined))) return;
    cursor = asString(asRecord(answer?.["response_metadata"])?.["next_cursor"]);
  } while (cursor !== undefined);
}

/** Tries again while Slack is away or asks to wait; rejects with what it refuses for good, and when the signal aborts. */
async function patiently<Answer>(read: () => Promise<Answer>, signal: AbortSignal): Promise<Answer> {
  for (let attempt = 0; ; attempt += 1) {
    if (signal.aborted) throw new ParleyError("TURN_CANCELLED");
    try {
      return await read();
    } catch (thrown) {
      const error = toParleyError(thrown);
      if (!PASSING.has(error.code)) throw error;
      const pauseMs = error.retryAfterMs ?? RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)] ?? 30_000;
      await abortableSleep(pauseMs, signal);
    }
  }
}
