import type { Wire } from "../model/records.ts";

export type LogKind =
  | "post"
  | "update"
  | "delete"
  | "ephemeral"
  | "stream_start"
  | "stream_append"
  | "stream_stop"
  | "stream_closed"
  | "reaction_add"
  | "reaction_remove"
  | "file_upload"
  | "file_download"
  | "unfurl"
  | "status"
  | "session"
  | "member_join"
  | "member_leave"
  | "channel"
  | "view"
  | "response_url"
  | "install";

/** One thing that happened on the platform. Entries are never changed or removed. */
export interface LogEntry {
  /** Position in the log, from 0. */
  readonly seq: number;
  /** Wall time in milliseconds. */
  readonly at: number;
  readonly kind: LogKind;
  readonly team: string;
  readonly channel?: string;
  /** The message it is about. */
  readonly ts?: string;
  readonly threadTs?: string;
  /** The full text after this entry; of stream_append the appended piece alone. */
  readonly text?: string;
  /** Whether an app or a person did it, and who. */
  readonly by: "app" | "user";
  readonly actor: string;
  readonly appId?: string;
  readonly username?: string;
  readonly subtype?: string;
  /** `metadata.event_payload.k`, the idempotency key by which a sender finds its own posts again. */
  readonly metadataKey?: string;
  readonly method?: string;
  readonly requestId?: number;
  /** Whom the text notifies: `!channel`, `!here`, `!everyone`, user ids. */
  readonly notified?: readonly string[];
  /** Links that Slack would fetch. */
  readonly unfurled?: readonly string[];
  readonly detail?: Wire;
}

/** Which entries a query wants; absent fields match everything. */
export interface PostQuery {
  team?: string;
  channel?: string;
  /** The ts of the thread root: its replies, not the root itself. */
  thread?: string;
  by?: "app" | "user";
  textIncludes?: string;
}

interface Waiter {
  readonly kinds: readonly LogKind[];
  readonly query: PostQuery;
  missing: number;
  readonly settle: () => void;
}

const POST_KINDS: readonly LogKind[] = ["post", "stream_start"];

/** The append-only log of everything the platform showed or was told: the oracle of fault tests and benchmarks. */
export class ChannelLog {
  readonly entries: LogEntry[] = [];
  readonly #byChannel = new Map<string, LogEntry[]>();
  readonly #listeners = new Set<(entry: LogEntry) => void>();
  readonly #waiters = new Set<Waiter>();

  append(entry: Omit<LogEntry, "seq" | "at">): LogEntry {
    const full: LogEntry = { seq: this.entries.length, at: performance.timeOrigin + performance.now(), ...entry };
    this.entries.push(full);
    if (full.channel !== undefined) {
      const ofChannel = this.#byChannel.get(full.channel);
      if (ofChannel === undefined) this.#byChannel.set(full.channel, [full]);
      else ofChannel.push(full);
    }
    for (const listener of this.#listeners) listener(full);
    for (const waiter of this.#waiters) {
      if (!waiter.kinds.includes(full.kind) || !matches(full, waiter.query)) continue;
      waiter.missing -= 1;
      if (waiter.missing <= 0) waiter.settle();
    }
    return full;
  }

  /** Every entry from this position on. */
  since(seq: number): LogEntry[] {
    return this.entries.slice(seq);
  }

  /** Messages as they were first posted (streams count when they start), in the order in which they appeared. */
  posts(query: PostQuery = {}): LogEntry[] {
    return this.#select(POST_KINDS, query);
  }

  /** Entries of one kind, in order. */
  ofKind(kind: LogKind, query: PostQuery = {}): LogEntry[] {
    return this.#select([kind], query);
  }

  /** Resolves with the posts as soon as at least `count` of them match; rejects after `timeoutMs` (default 10 000) and says how many there were. */
  waitForPosts(query: PostQuery & { count?: number; timeoutMs?: number }): Promise<LogEntry[]> {
    return this.#wait(POST_KINDS, query);
  }

  /** Resolves with the entries of a kind as soon as at least `count` of them match; otherwise as waitForPosts. */
  waitForKind(kind: LogKind, query: PostQuery & { count?: number; timeoutMs?: number } = {}): Promise<LogEntry[]> {
    return this.#wait([kind], query);
  }

  /** Calls the listener for every new entry, in the process of the stand-in; returns what ends it. */
  onAppend(listener: (entry: LogEntry) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #select(kinds: readonly LogKind[], query: PostQuery): LogEntry[] {
    const source = query.channel === undefined ? this.entries : (this.#byChannel.get(query.channel) ?? []);
    return source.filter((entry) => kinds.includes(entry.kind) && matches(entry, query));
  }

  #wait(kinds: readonly LogKind[], query: PostQuery & { count?: number; timeoutMs?: number }): Promise<LogEntry[]> {
    const { count = 1, timeoutMs = 10_000 } = query;
    const missing = count - this.#select(kinds, query).length;
    if (missing <= 0) return Promise.resolve(this.#select(kinds, query));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiters.delete(waiter);
        const seen = count - waiter.missing;
        reject(new Error(`after ${timeoutMs} ms: waited for ${JSON.stringify(query)}, saw ${seen} of ${count}`));
      }, timeoutMs);
      const waiter: Waiter = {
        kinds,
        query,
        missing,
        settle: () => {
          clearTimeout(timer);
          this.#waiters.delete(waiter);
          resolve(this.#select(kinds, query));
        },
      };
      this.#waiters.add(waiter);
    });
  }
}

function matches(entry: LogEntry, query: PostQuery): boolean {
  return (
    (query.team === undefined || entry.team === query.team) &&
    (query.channel === undefined || entry.channel === query.channel) &&
    (query.thread === undefined || entry.threadTs === query.thread) &&
    (query.by === undefined || entry.by === query.by) &&
    (query.textIncludes === undefined || entry.text?.includes(query.textIncludes) === true)
  );
}
