import type { Target } from "../../src/contracts/adapter.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { BoundedMap } from "../shared/bounded-map.ts";
import type { DiscordClient } from "./client.ts";
import { DISCORD_CODES, discordCode } from "./errors.ts";
import type { Guilds } from "./guilds.ts";
import { ROUTES } from "./routes.ts";
import { beforeAnythingIsSent } from "./webhooks.ts";

const MAX_ENTRIES = 20_000;
/** How long a channel that takes no threads is not asked again, in ms. */
const REFUSED_MS = 10 * 60_000;
const DAY_MINUTES = 1_440;
const MAX_NAME_CHARS = 100;

/**
 * Threads that answers go into. A thread made from a message has that message's id, so that the address of an answer is known
 * before its thread is there.
 *
 * Where a channel takes no threads, answers go into the channel itself.
 */
export class Threads {
  readonly #client: DiscordClient;
  readonly #guilds: Guilds;
  readonly #excerptOf: (messageId: string) => string | undefined;
  readonly #made = new BoundedMap<string, true>({ maxEntries: MAX_ENTRIES });
  readonly #refused = new BoundedMap<string, true>({ maxEntries: MAX_ENTRIES, ttlMs: REFUSED_MS });

  constructor(client: DiscordClient, guilds: Guilds, excerptOf: (messageId: string) => string | undefined) {
    this.#client = client;
    this.#guilds = guilds;
    this.#excerptOf = excerptOf;
  }

  /** The thread to post in, made first where it is known not to be there; undefined for the channel itself. */
  async existing(target: Target, signal: AbortSignal): Promise<string | undefined> {
    const { thread, channel } = target.conversation;
    if (thread === undefined || this.#refused.get(channel.id)) return undefined;
    const { guild, loadedAtMs } = await this.#guilds.need(target.installationId);
    const known = guild?.threads.has(thread.id) === true || this.#made.get(thread.id) === true;
    // Without a gateway nothing is known for certain: the post itself will tell.
    return known || guild === undefined || loadedAtMs === undefined ? thread.id : this.create(target, signal);
  }

  /** Makes the thread from its message; undefined where there can be none. */
  async create(target: Target, signal: AbortSignal): Promise<string | undefined> {
    const { thread, channel } = target.conversation;
    if (thread === undefined) return undefined;
    const name = this.#excerptOf(thread.id) ?? thread.name ?? "Answer";
    try {
      await beforeAnythingIsSent(() =>
        this.#client.call({
          route: ROUTES.startThread(channel.id, thread.id),
          body: { name: name.slice(0, MAX_NAME_CHARS).toWellFormed(), auto_archive_duration: DAY_MINUTES },
          signal,
        }),
      );
    } catch (error) {
      if (discordCode(error) === DISCORD_CODES.threadExists) return this.#note(thread.id);
      const refused = error instanceof ParleyError && error.code === "PLATFORM_FORBIDDEN";
      if (!refused) {
        // A thread without a message of its own is no news here: its own post will say whether it is gone.
        if (discordCode(error) === DISCORD_CODES.unknownMessage) return this.#note(thread.id);
        throw error;
      }
      this.#refused.set(channel.id, true);
      return undefined;
    }
    return this.#note(thread.id);
  }

  #note(threadId: string): string {
    this.#made.set(threadId, true);
    return threadId;
  }
}
