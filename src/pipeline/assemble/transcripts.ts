import type { TranscriptMessage } from "../../contracts/connector.ts";
import { ParleyError } from "../../errors/parley-error.ts";
import type { SqlRunner } from "../../ledger/connection/database.ts";
import {
  readWindows,
  type TranscriptRow,
  type TranscriptWindow,
  windowEntry,
} from "../../ledger/transcript-windows.ts";
import { createBatcher } from "../batcher.ts";
import { fromRow } from "./transcript.ts";

/** Which conversation is read. */
export interface TranscriptPlace {
  readonly conversationId: string;
  readonly installationId: string;
  readonly channelId: string;
  readonly threadId: string | null;
}

/** A message of a transcript with its place in the conversation's order. */
export interface TranscriptEntry {
  readonly platformOrder: string;
  /** Its id and revision, as the window names it. */
  readonly name: string;
  readonly message: TranscriptMessage;
}

export interface Transcripts {
  /** The newest messages as the ledger has them now, oldest first, before them the thread's first message. */
  read(place: TranscriptPlace): Promise<readonly TranscriptEntry[]>;
}

/** Enough for what one process works on at a time; what is forgotten costs a longer read. */
const MAX_CONVERSATIONS = 400;
/** Messages of a conversation that nobody has read for so long are not kept in memory, in ms. */
const KEPT_MS = 60_000;
const MAX_BATCH = 200;
const LANES = 2;

interface Known {
  /** Newest first. */
  readonly entries: readonly TranscriptEntry[];
  readonly readAtMs: number;
}

/**
 * Creates the reader of transcripts. Of a conversation that it has read before it asks for what is new, and for the ids and revisions of all:
 * when those are not what it knows (an edit, a deletion, a message that came late), it reads the whole again.
 */
export function createTranscripts(sql: SqlRunner, maxMessages: () => number): Transcripts {
  const known = new Map<string, Known>();
  let forgetting: NodeJS.Timeout | undefined;

  const batcher = createBatcher<TranscriptPlace, readonly TranscriptEntry[]>({
    maxItems: MAX_BATCH,
    lanes: LANES,
    isolate: (error) => !(error instanceof ParleyError),
    flush: async (places) => {
      const limit = maxMessages();
      const before = places.map((place) => known.get(place.conversationId)?.entries ?? []);
      const windows = await readWindows(
        sql,
        places.map((place, index) => toQuery(place, before[index]?.[0]?.platformOrder)),
        limit,
      );
      const joined = windows.map((window, index) => join(window, before[index] ?? [], limit));
      const stale = places.filter((_, index) => joined[index] === undefined);
      const whole = new Map<string, readonly TranscriptEntry[]>();
      const roots = new Map(windows.map((window, index) => [places[index], window.root]));
      if (stale.length > 0) {
        const again = await readWindows(
          sql,
          stale.map((place) => toQuery(place, undefined)),
          limit,
        );
        for (const [index, place] of stale.entries())
          whole.set(place.conversationId, (again[index]?.rows ?? []).map(toEntry));
      }
      return places.map((place, index) => {
        const entries = joined[index] ?? whole.get(place.conversationId) ?? [];
        remember(place.conversationId, entries);
        const root = roots.get(place);
        return [...(root ? [toEntry(root)] : []), ...entries.toReversed()];
      });
    },
  });

  function remember(conversationId: string, entries: readonly TranscriptEntry[]): void {
    known.delete(conversationId);
    known.set(conversationId, { entries, readAtMs: performance.now() });
    if (known.size > MAX_CONVERSATIONS) for (const oldest of [...known.keys()].slice(0, 1)) known.delete(oldest);
    forgetting ??= setTimeout(forget, KEPT_MS).unref();
  }

  function forget(): void {
    const until = performance.now() - KEPT_MS;
    for (const [conversationId, { readAtMs }] of known) if (readAtMs < until) known.delete(conversationId);
    forgetting = known.size === 0 ? undefined : setTimeout(forget, KEPT_MS).unref();
  }

  return { read: async (place) => (maxMessages() === 0 ? [] : await batcher.add(place)) };
}

function toQuery(place: TranscriptPlace, newest: string | undefined): Parameters<typeof readWindows>[1][number] {
  return {
    conv: place.conversationId,
    inst: place.installationId,
    channel: place.channelId,
    thread: place.threadId,
    known: newest ?? null,
  };
}

/** The window made of what is new and what was known; undefined when that is not what stands in the ledger. Pure. */
function join(
  window: TranscriptWindow,
  before: readonly TranscriptEntry[],
  limit: number,
): readonly TranscriptEntry[] | undefined {
  const entries = [...(window.rows ?? []).map(toEntry), ...before].slice(0, limit);
  const found = entries.map((entry) => entry.name).join("");
  return found === (window.entries ?? "") ? entries : undefined;
}

function toEntry(row: TranscriptRow): TranscriptEntry {
  return {
    platformOrder: row.platform_order,
    name: windowEntry(row.message_id, row.revision),
    message: fromRow(row),
  };
}
