import { toParleyError } from "../../src/errors/parley-error.ts";
import { BoundedMap } from "../shared/bounded-map.ts";
import { untilAborted } from "../shared/until-aborted.ts";
import type { DiscordClient } from "./client.ts";
import { asId, asList, asRecord, type Raw } from "./raw.ts";
import { ROUTES } from "./routes.ts";
import { isNewer, msToSnowflake } from "./snowflakes.ts";

const PAGE_SIZE = 100;
const MAX_PAGES = 25;
/** Whoever asks so soon after a reading began takes part in it. */
const SHARED_MS = 500;
/** A reading begins so much earlier than it has to, so that it serves those who ask for a little more as well. */
const EARLIER_MS = 30_000;
const MAX_READ_MS = 60_000;
const MAX_ENTRIES = 5_000;

/** What a channel holds since a time. */
export interface Reading {
  /** Undefined when there are too many to read; none of a place that is not there. */
  readonly messages: readonly Raw[] | undefined;
  /** When the first page was asked for: of what was written later, it says nothing. */
  readonly startedAtMs: number;
}

interface Shared {
  readonly sinceMs: number;
  readonly startedAtMs: number;
  readonly messages: Promise<readonly Raw[] | undefined>;
}

/**
 * Readings of channels, each for all that ask for it at about the same time: after a crash many writes are looked for at once,
 * and Discord gives out five pages of a channel in five seconds.
 */
export class SharedReads {
  readonly #latest = new BoundedMap<string, Shared>({ maxEntries: MAX_ENTRIES });

  /** Every message since then. Rejects with the errors of reads, and with TURN_CANCELLED once the signal aborts. */
  async since(client: DiscordClient, channelId: string, sinceMs: number, signal: AbortSignal): Promise<Reading> {
    const nowMs = Date.now();
    let reading = this.#latest.get(channelId);
    if (reading === undefined || reading.sinceMs > sinceMs || nowMs - reading.startedAtMs > SHARED_MS) {
      const from = sinceMs - EARLIER_MS;
      const messages = readSince(client, channelId, from, AbortSignal.timeout(MAX_READ_MS));
      // Whoever waits for it hears of its failure; it may be that nobody does any more.
      messages.catch(() => undefined);
      reading = { sinceMs: from, startedAtMs: nowMs, messages };
      this.#latest.set(channelId, reading);
    }
    const messages = await untilAborted(reading.messages, signal);
    const oldest = msToSnowflake(sinceMs);
    return {
      messages: messages?.filter((message) => isNewer(String(message["id"]), oldest)),
      startedAtMs: reading.startedAtMs,
    };
  }
}

async function readSince(
  client: DiscordClient,
  channelId: string,
  sinceMs: number,
  signal: AbortSignal,
): Promise<readonly Raw[] | undefined> {
  const found: Raw[] = [];
  let after = msToSnowflake(sinceMs);
  for (let page = 0; page < MAX_PAGES; page++) {
    let answer: unknown;
    try {
      answer = await client.call({ route: ROUTES.messages(channelId), query: { after, limit: PAGE_SIZE }, signal });
    } catch (error) {
      if (toParleyError(error).code === "TARGET_NOT_FOUND") return found;
      throw error;
    }
    const messages = asList(answer)
      .map(asRecord)
      .filter((message) => message !== undefined)
      .filter((message) => asId(message["id"]) !== undefined);
    for (const message of messages) {
      found.push(message);
      const id = String(message["id"]);
      if (isNewer(id, after)) after = id;
    }
    if (messages.length < PAGE_SIZE) return found;
  }
  return undefined;
}
