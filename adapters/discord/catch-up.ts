import type { Logger } from "../../src/contracts/logger.ts";
import { type ParleyError, toParleyError } from "../../src/errors/parley-error.ts";
import { abortableSleep } from "../shared/abortable-sleep.ts";
import type { DiscordClient } from "./client.ts";
import { type ClosedThread, closedThreads } from "./closed-threads.ts";
import type { DiscordConfig } from "./config.ts";
import { holdsOnlyPosts, holdsThreads } from "./guild.ts";
import type { Guilds, Space } from "./guilds.ts";
import { inOrder, translateMessage } from "./inbound-message.ts";
import type { Intake } from "./intake.ts";
import { type Before, lookBack } from "./look-back.ts";
import { asId, asList, asRecord, type Raw } from "./raw.ts";
import { ROUTES, type Route } from "./routes.ts";
import { isNewer, msToSnowflake, snowflakeToMs } from "./snowflakes.ts";
import { mayRead } from "./visibility.ts";

const PAGE_SIZE = 100;
const FAILING = Symbol("failing");
const AT_ONCE = 4;
const RETRY_MS = [1_000, 2_000, 5_000, 15_000, 30_000] as const;
/** Failures in a row after which another place has its turn. */
const TRIES_IN_A_TURN = 3;
/** What Discord says for certain of one place: there is nothing to be read. */
const REFUSALS: ReadonlySet<string> = new Set([
  "TARGET_NOT_FOUND",
  "PLATFORM_FORBIDDEN",
  "CONTENT_REJECTED",
  "FEATURE_UNSUPPORTED",
]);
/** Channels whose archived threads are looked through after a gap, and direct conversations that are read. */
const MAX_CHANNELS = 500;
const MAX_DIRECT = 200;
/** Channels and threads of a guild, or direct conversations, that are looked at for edits and deletions in a gap. */
const MAX_LOOKED_BACK = 200;

/** One channel or thread with messages that were missed. */
interface Gap {
  readonly channelId: string;
  readonly after: string;
  /** What was said while the bot could not see the place is for context alone. */
  readonly contextOnly: boolean;
  /** Failures in a row up to now. Default none. */
  readonly failures?: number;
}

/** What was said in a gap, in pages of JSON from the oldest to the newest. */
interface Missed {
  readonly pages: readonly string[];
  readonly count: number;
  /** There is more before it. */
  readonly isCut: boolean;
}

/**
 * Reads what was said while no session was open, channel by channel, from the last message that was ingested.
 *
 * Only where the bot may read now, back to a limit of age and count. Live messages go on meanwhile; a channel's cursor moves on
 * over the gap first, so that a crash in the middle loses nothing. However long Discord does not let history be read, it is tried
 * again; a gap that the end of the process leaves open is found by the next one, because no position moved.
 */
export class CatchUp {
  readonly #config: DiscordConfig;
  readonly #client: DiscordClient;
  readonly #guilds: Guilds;
  readonly #intake: Intake;
  readonly #logger: Logger;
  readonly #ending: AbortSignal;
  readonly #onDone: () => void;
  readonly #running = new Set<Promise<void>>();
  /** Something was given up, by a failure that is no refusal or by the end of the process. */
  #leftOpen = false;

  constructor(options: {
    readonly config: DiscordConfig;
    readonly client: DiscordClient;
    readonly guilds: Guilds;
    readonly intake: Intake;
    readonly logger: Logger;
    readonly ending: AbortSignal;
    /** Called each time that the last gap was closed; never after one was left open. */
    readonly onDone: () => void;
  }) {
    this.#config = options.config;
    this.#client = options.client;
    this.#guilds = options.guilds;
    this.#intake = options.intake;
    this.#logger = options.logger;
    this.#ending = options.ending;
    this.#onDone = options.onDone;
  }

  /** A gap is being read, or was left open: until it is closed nothing may say that all before it was heard. */
  get isOpen(): boolean {
    return this.#running.size > 0 || this.#leftOpen;
  }

  /** Resolves when nothing is being read any more. */
  async drained(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
  }

  /** Begins to read what a guild's channels and threads hold since their cursors; `regained` are channels seen again only now, and of a `first` run nothing is read. */
  guild(space: Space, options: { readonly first: boolean; readonly regained: ReadonlySet<string> }): void {
    const { first, regained } = options;
    const { guild, cursors } = space;
    if (first || guild === undefined || cursors.baseline === undefined) return;
    const nowMs = Date.now();
    const { botUserId } = this.#guilds.bot;
    const places = [
      ...guild.talkChannels().filter((channel) => !holdsOnlyPosts(channel.type)),
      ...guild.threads.values(),
    ];
    const gaps = places.flatMap((place): Gap[] => {
      if (place.lastMessageId === undefined || !mayRead(guild, botUserId, place.id, nowMs)) return [];
      const after = this.#startOf(space, place.id, nowMs);
      const parentId = guild.threads.get(place.id)?.parentId ?? place.id;
      return isNewer(place.lastMessageId, after)
        ? [{ channelId: place.id, after, contextOnly: regained.has(parentId) }]
        : [];
    });
    for (const gap of gaps) cursors.hold(gap.channelId);
    const parents = guild
      .talkChannels()
      .filter((channel) => holdsThreads(channel.type) && mayRead(guild, botUserId, channel.id, nowMs))
      .slice(0, MAX_CHANNELS);
    const before = this.#lookedBack(space, nowMs)
      .filter((channelId) => mayRead(guild, botUserId, channelId, nowMs))
      .map(
        (channelId): Before => ({
          channelId,
          known: cursors.recent(channelId),
          contextOnly: regained.has(guild.threads.get(channelId)?.parentId ?? channelId),
        }),
      );
    this.#begin(async () => {
      await this.#close(space, gaps);
      await this.#lookBack(space, before);
      const known = new Set(gaps.map((gap) => gap.channelId));
      for (const parent of parents) await this.#archivedThreads(space, parent.id, known, regained.has(parent.id));
    });
  }

  /** Begins to read direct conversations in which something was said before. */
  direct(space: Space): void {
    const nowMs = Date.now();
    const gaps = space.cursors
      .channels()
      .map((channelId) => ({ channelId, after: this.#startOf(space, channelId, nowMs), contextOnly: false }))
      .toSorted((a, b) => (isNewer(b.after, a.after) ? 1 : -1))
      .slice(0, MAX_DIRECT);
    for (const gap of gaps) space.cursors.hold(gap.channelId);
    const before = this.#lookedBack(space, nowMs).map(
      (channelId): Before => ({
        channelId,
        known: space.cursors.recent(channelId),
        contextOnly: false,
      }),
    );
    if (gaps.length > 0)
      this.#begin(async () => {
        await this.#close(space, gaps);
        await this.#lookBack(space, before);
      });
  }

  /**
   * Begins to read a direct conversation in which something is said for the first time as far as is known. Discord lists none of
   * them to bots: what was said there while no session was open shows only now.
   */
  newDirect(space: Space, channelId: string): void {
    const { cursors } = space;
    if (space.guild !== undefined || cursors.baseline === undefined || cursors.channels().includes(channelId)) return;
    const gap = { channelId, after: this.#startOf(space, channelId, Date.now()), contextOnly: false };
    cursors.hold(channelId);
    this.#begin(() => this.#close(space, [gap]));
  }

  /** Places of which something is known that may have been changed, the newest first; taken before the gap is read. */
  #lookedBack({ cursors }: Space, nowMs: number): readonly string[] {
    const oldest = msToSnowflake(nowMs - this.#config.backfillMaxAgeMs);
    const newest = (channelId: string): string => cursors.recent(channelId).at(-1) ?? "0";
    return cursors
      .channels()
      .filter((channelId) => isNewer(newest(channelId), oldest))
      .toSorted((a, b) => (isNewer(newest(b), newest(a)) ? 1 : -1))
      .slice(0, MAX_LOOKED_BACK);
  }

  async #lookBack(space: Space, places: readonly Before[]): Promise<void> {
    const tools = {
      client: this.#client,
      guilds: this.#guilds,
      intake: this.#intake,
      ending: this.#ending,
      patiently: (read: () => Promise<unknown>, refused?: (error: ParleyError) => unknown) =>
        this.#patiently(read, { refused }),
    };
    const queue = [...places];
    const worker = async (): Promise<void> => {
      for (let place = queue.shift(); place !== undefined && !this.#ending.aborted; place = queue.shift())
        await lookBack(tools, space, place);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
  }

  #begin(work: () => Promise<void>): void {
    const running = work()
      .then(() => {
        if (this.#ending.aborted) this.#leftOpen = true;
      })
      .catch((error: unknown) => {
        this.#leftOpen = true;
        if (!this.#ending.aborted) this.#logger.warn({ err: error }, "missed messages could not all be read");
      })
      .finally(() => {
        this.#running.delete(running);
        if (!this.isOpen) this.#onDone();
      });
    this.#running.add(running);
  }

  #startOf(space: Space, channelId: string, nowMs: number): string {
    const oldest = msToSnowflake(nowMs - this.#config.backfillMaxAgeMs);
    const cursor = space.cursors.after(channelId);
    return cursor !== undefined && isNewer(cursor, oldest) ? cursor : oldest;
  }

  async #close(space: Space, gaps: readonly Gap[]): Promise<void> {
    const queue = [...gaps];
    const worker = async (): Promise<void> => {
      for (let gap = queue.shift(); gap !== undefined && !this.#ending.aborted; gap = queue.shift()) {
        const rest = await this.#read(space, gap);
        if (rest === undefined) space.cursors.release(gap.channelId);
        else queue.push(rest);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
  }

  /** Reads one gap; gives what is left of it when it failed several times, or the adapter ended: its cursor stays where it is. */
  async #read(space: Space, gap: Gap): Promise<Gap | undefined> {
    const { channelId, after, failures = 0 } = gap;
    const missed = await this.#missed(channelId, after, failures);
    if (missed === "failing") return { ...gap, failures: failures + TRIES_IN_A_TURN };
    if (missed === undefined) return this.#ending.aborted ? gap : undefined;
    if (missed.isCut)
      this.#logger.warn(
        { installationId: space.record.installationId, channelId, count: missed.count },
        "more messages were missed than are read; the oldest of them are left out",
      );
    let read = after;
    for (const text of missed.pages) {
      const page = asList(JSON.parse(text))
        .map(asRecord)
        .filter((message) => message !== undefined);
      if (this.#ending.aborted || !(await this.#take(space, page, gap.contextOnly)))
        return { ...gap, after: read, failures: 0 };
      const ids = page.map((message) => String(message["id"]));
      space.cursors.read(channelId, ids);
      read = ids.at(-1) ?? read;
    }
    return undefined;
  }

  /** False when one of them could not be kept. */
  async #take(space: Space, messages: readonly Raw[], contextOnly: boolean): Promise<boolean> {
    const taken = await Promise.all(
      messages.map((message) => {
        const context = this.#guilds.contextFor(space, `history:${String(message["id"])}`);
        const result = translateMessage(message, context, space.guild === undefined);
        return result.outcome === "envelope"
          ? this.#intake.store(result.envelope, ...(contextOnly ? [{ context: true }] : []))
          : this.#intake.refuse(space, "history", result, () => JSON.stringify(message));
      }),
    );
    return !taken.includes(false);
  }

  /**
   * What was said after `after`, oldest first: where it is more than is read of one place, the newest of it, since only those may be answered
   * still. Undefined when the place cannot be read or the adapter ends, `failing` when others should have their turn.
   */
  async #missed(channelId: string, after: string, failures: number): Promise<Missed | "failing" | undefined> {
    // As text: a parsed message takes several times the memory, and there may be thousands.
    const pages: string[] = [];
    let count = 0;
    let before: string | undefined;
    for (let left = this.#config.backfillMaxMessages; left > 0; left = this.#config.backfillMaxMessages - count) {
      const page = await this.#page(channelId, { after, before, failures });
      if (page === "failing" || page === undefined) return page;
      const kept = page.slice(-left);
      if (kept.length > 0) pages.unshift(JSON.stringify(kept));
      count += kept.length;
      if (page.length < PAGE_SIZE) return { pages, count, isCut: kept.length < page.length };
      before = asId(page[0]?.["id"]);
    }
    return { pages, count, isCut: true };
  }

  /** The newest page before `before` of what is newer than `after`, oldest first; else as `#missed`. */
  async #page(
    channelId: string,
    { after, before, failures }: { after: string; before: string | undefined; failures: number },
  ): Promise<Raw[] | "failing" | undefined> {
    const route = ROUTES.messages(channelId);
    const query = { limit: PAGE_SIZE, ...(before === undefined ? {} : { before }) };
    const read = (): Promise<unknown> => this.#client.call({ route, query, signal: this.#ending });
    const answer = await this.#patiently(read, { failures, until: failures + TRIES_IN_A_TURN });
    if (answer === FAILING) return "failing";
    if (answer === undefined) return undefined;
    const messages = asList(answer)
      .map(asRecord)
      .filter((message) => message !== undefined);
    return inOrder(messages).filter((message) => isNewer(String(message["id"]), after));
  }

  /** Threads that were closed during the gap are told by nobody; page by page, newest first, as far back as the gap goes. */
  async #archivedThreads(
    space: Space,
    parentId: string,
    known: ReadonlySet<string>,
    contextOnly: boolean,
  ): Promise<void> {
    const read = (route: Route, query: Readonly<Record<string, string | number>>) =>
      this.#patiently(() => this.#client.call({ route, query, signal: this.#ending }));
    const oldestMs = Date.now() - this.#config.backfillMaxAgeMs;
    for await (const page of closedThreads(read, parentId, oldestMs)) {
      const gaps = page.flatMap((thread) => this.#gapOf(space, thread, known, contextOnly));
      for (const gap of gaps) space.cursors.hold(gap.channelId);
      await this.#close(space, gaps);
      if (this.#ending.aborted) return;
    }
  }

  /** What was missed of a closed thread. */
  #gapOf(space: Space, { raw, closedAtMs }: ClosedThread, known: ReadonlySet<string>, contextOnly: boolean): Gap[] {
    const thread = space.guild?.putThread(raw);
    if (thread?.lastMessageId === undefined || known.has(thread.id)) return [];
    const after = this.#startOf(space, thread.id, Date.now());
    if (closedAtMs < snowflakeToMs(after) || !isNewer(thread.lastMessageId, after)) return [];
    return [{ channelId: thread.id, after, contextOnly }];
  }

  /**
   * Tries a reading again for as long as Discord is away or asks to wait, or to so many failures in a row (then FAILING). Undefined,
   * or what `refused` makes of it, when it is refused for good or the adapter ends; rejects when the bot itself is refused.
   */
  async #patiently(
    read: () => Promise<unknown>,
    options: {
      readonly refused?: ((error: ParleyError) => unknown) | undefined;
      readonly failures?: number;
      readonly until?: number;
    } = {},
  ): Promise<unknown> {
    const { refused, failures = 0, until = Number.POSITIVE_INFINITY } = options;
    for (let attempt = failures; !this.#ending.aborted; attempt += 1) {
      if (attempt >= until) return FAILING;
      try {
        return await read();
      } catch (thrown) {
        const error = toParleyError(thrown);
        if (this.#ending.aborted) return undefined;
        if (REFUSALS.has(error.code)) return refused?.(error);
        if (error.code === "PLATFORM_UNAUTHORIZED") throw error;
        if (attempt === TRIES_IN_A_TURN)
          this.#logger.warn(
            { code: error.code, detail: error.detail },
            "missed messages cannot be read yet; it is tried again until they can",
          );
        const pauseMs = error.retryAfterMs ?? RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)] ?? 30_000;
        await abortableSleep(pauseMs, this.#ending).catch(() => undefined);
      }
    }
    return undefined;
  }
}
