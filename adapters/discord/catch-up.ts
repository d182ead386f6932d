import type { Logger } from "../../src/contracts/logger.ts";
import { type ParleyError, toParleyError } from "../../src/errors/parley-error.ts";
import { abortableSleep } from "../shared/abortable-sleep.ts";
import type { DiscordClient } from "./client.ts";
import type { DiscordConfig } from "./config.ts";
import { holdsOnlyPosts, holdsThreads } from "./guild.ts";
import type { Guilds, Space } from "./guilds.ts";
import { inOrder, translateMessage } from "./inbound-message.ts";
import type { Intake } from "./intake.ts";
import { type Before, lookBack } from "./look-back.ts";
import { asId, asList, asRecord, asString, type Raw } from "./raw.ts";
import { ROUTES } from "./routes.ts";
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
  /** Messages that were read of it so far. Default none. */
  readonly count?: number;
  /** Failures in a row up to now. Default none. */
  readonly failures?: number;
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
    const direct = space.guild === undefined;
    let { after, count = 0, failures = 0 } = gap;
    while (count < this.#config.backfillMaxMessages) {
      const page = await this.#page(gap.channelId, after, failures);
      if (page === "failing") return { ...gap, after, count, failures: failures + TRIES_IN_A_TURN };
      if (page === undefined) return this.#ending.aborted ? { ...gap, after, count } : undefined;
      failures = 0;
      const taken = await Promise.all(
        page.map((message) => {
          const context = this.#guilds.contextFor(space, `history:${String(message["id"])}`);
          const result = translateMessage(message, context, direct);
          return result.outcome === "envelope"
            ? this.#intake.store(result.envelope, ...(gap.contextOnly ? [{ context: true }] : []))
            : this.#intake.refuse(space, "history", result, () => JSON.stringify(message));
        }),
      );
      if (taken.includes(false)) return { ...gap, after, count };
      const last = asId(page.at(-1)?.["id"]);
      if (last === undefined) return undefined;
      space.cursors.read(
        gap.channelId,
        page.map((message) => String(message["id"])),
      );
      after = last;
      count += page.length;
      if (page.length < PAGE_SIZE) return undefined;
    }
    this.#logger.warn(
      { installationId: space.record.installationId, channelId: gap.channelId, count },
      "more messages were missed than are read; the newest of them are left out",
    );
    return undefined;
  }

  /** Oldest first; undefined when the place cannot be read or the adapter ends, `failing` when others should have their turn. */
  async #page(channelId: string, after: string, failures: number): Promise<Raw[] | "failing" | undefined> {
    const route = ROUTES.messages(channelId);
    const read = (): Promise<unknown> =>
      this.#client.call({ route, query: { after, limit: PAGE_SIZE }, signal: this.#ending });
    const until = failures + TRIES_IN_A_TURN;
    const answer = await this.#patiently(read, { failures, until });
    if (answer === FAILING) return "failing";
    if (answer === undefined) return undefined;
    return inOrder(
      asList(answer)
        .map(asRecord)
        .filter((message) => message !== undefined),
    ).filter((message) => isNewer(String(message["id"]), after));
  }

  /** Threads that were closed during the gap are told by nobody; newest first, as far back as the gap goes. */
  async #archivedThreads(
    space: Space,
    parentId: string,
    known: ReadonlySet<string>,
    contextOnly: boolean,
  ): Promise<void> {
    const { guild } = space;
    const nowMs = Date.now();
    for (const route of [ROUTES.archivedThreads(parentId), ROUTES.joinedArchivedThreads(parentId)]) {
      if (guild === undefined || this.#ending.aborted) return;
      const answer = await this.#patiently(() =>
        this.#client.call({ route, query: { limit: PAGE_SIZE }, signal: this.#ending }),
      );
      const gaps = asList(asRecord(answer)?.["threads"]).flatMap((item): Gap[] => {
        const raw = asRecord(item);
        const archivedAt = Date.parse(asString(asRecord(raw?.["thread_metadata"])?.["archive_timestamp"]) ?? "");
        const thread = guild.putThread(raw);
        if (thread?.lastMessageId === undefined || known.has(thread.id) || Number.isNaN(archivedAt)) return [];
        const after = this.#startOf(space, thread.id, nowMs);
        if (archivedAt < snowflakeToMs(after) || !isNewer(thread.lastMessageId, after)) return [];
        return [{ channelId: thread.id, after, contextOnly }];
      });
      for (const gap of gaps) space.cursors.hold(gap.channelId);
      await this.#close(space, gaps);
    }
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
