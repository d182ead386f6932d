import type { Wire } from "../model/records.ts";

export type LogKind =
  | "post"
  | "update"
  | "delete"
  | "ephemeral"
  | "ephemeral_update"
  | "reaction_add"
  | "reaction_remove"
  | "thread_create"
  | "thread_update"
  | "typing"
  | "unfurl"
  | "interaction"
  | "acknowledge"
  | "webhook_create"
  | "member_join"
  | "member_leave"
  | "channel"
  | "file_download";

/** One thing that happened on the platform. Entries are never changed or removed. */
export interface LogEntry {
  /** Position in the log, from 0. */
  readonly seq: number;
  /** Wall time in milliseconds. */
  readonly at: number;
  readonly kind: LogKind;
  readonly guild?: string;
  /** The channel or thread in which it happened. */
  readonly channel?: string;
  readonly message?: string;
  /** Everything that people read, after this entry. */
  readonly text?: string;
  /** Whether an app's bot, an app's webhook, a person or Discord itself did it, and who. */
  readonly by: "app" | "webhook" | "person" | "system";
  /** The user, or the webhook. */
  readonly actor: string;
  readonly applicationId?: string;
  /** The name that a webhook wrote under. */
  readonly name?: string;
  readonly nonce?: string | number;
  /** Whom it told: user ids, `role:<id>`, `everyone`. */
  readonly notified?: readonly string[];
  /** Addresses that Discord went to fetch. */
  readonly unfurled?: readonly string[];
  readonly requestId?: number;
  readonly detail?: Wire;
}

/** Which entries a query wants; absent fields match everything. */
export interface PostQuery {
  guild?: string;
  channel?: string;
  by?: LogEntry["by"] | "installation";
  message?: string;
  textIncludes?: string;
}

interface Waiter {
  readonly kind: LogKind;
  readonly query: PostQuery;
  missing: number;
  readonly settle: () => void;
}

/** The append-only log of everything the platform showed or was told: the oracle of fault tests and benchmarks. */
export class GuildLog {
  readonly entries: LogEntry[] = [];
  readonly #byChannel = new Map<string, LogEntry[]>();
  readonly #waiters = new Set<Waiter>();
  readonly #listeners = new Set<(entry: LogEntry) => void>();

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
      if (waiter.kind !== full.kind || !matches(full, waiter.query)) continue;
      waiter.missing -= 1;
      if (waiter.missing <= 0) waiter.settle();
    }
    return full;
  }

  /** Every entry from this position on. */
  since(seq: number): LogEntry[] {
    return this.entries.slice(seq);
  }

  /** Messages as they were first posted, in the order in which they appeared. */
  posts(query: PostQuery = {}): LogEntry[] {
    return this.ofKind("post", query);
  }

  /** Entries of one kind, in order. */
  ofKind(kind: LogKind, query: PostQuery = {}): LogEntry[] {
    const source = query.channel === undefined ? this.entries : (this.#byChannel.get(query.channel) ?? []);
    return source.filter((entry) => entry.kind === kind && matches(entry, query));
  }

  /** Resolves with the posts as soon as at least `count` of them match; rejects after `timeoutMs` (default 10 000) and says how many there were. */
  waitForPosts(query: PostQuery & { count?: number; timeoutMs?: number } = {}): Promise<LogEntry[]> {
    return this.waitForKind("post", query);
  }

  /** Resolves with the entries of a kind as soon as at least `count` of them match; otherwise as waitForPosts. */
  waitForKind(kind: LogKind, query: PostQuery & { count?: number; timeoutMs?: number } = {}): Promise<LogEntry[]> {
    const { count = 1, timeoutMs = 10_000 } = query;
    const missing = count - this.ofKind(kind, query).length;
    if (missing <= 0) return Promise.resolve(this.ofKind(kind, query));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiters.delete(waiter);
        const seen = count - waiter.missing;
        reject(
          new Error(`after ${timeoutMs} ms: waited for ${kind} ${JSON.stringify(query)}, saw ${seen} of ${count}`),
        );
      }, timeoutMs);
      const waiter: Waiter = {
        kind,
        query,
        missing,
        settle: () => {
          clearTimeout(timer);
          this.#waiters.delete(waiter);
          resolve(this.ofKind(kind, query));
        },
      };
      this.#waiters.add(waiter);
    });
  }

  /** Calls the listener for every new entry, in the process of the stand-in; returns what ends it. */
  onAppend(listener: (entry: LogEntry) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

function matches(entry: LogEntry, query: PostQuery): boolean {
  return (
    (query.guild === undefined || entry.guild === query.guild) &&
    (query.channel === undefined || entry.channel === query.channel) &&
    (query.message === undefined || entry.message === query.message) &&
    (query.by === undefined ||
      entry.by === query.by ||
      (query.by === "installation" && (entry.by === "app" || entry.by === "webhook"))) &&
    (query.textIncludes === undefined || entry.text?.includes(query.textIncludes) === true)
  );
}
