import type { AdapterStateStore } from "../../src/contracts/adapter-state.ts";
import type { Logger } from "../../src/contracts/logger.ts";
import { asId, asIds } from "./raw.ts";
import { isNewer } from "./snowflakes.ts";

const PREFIX = "cursor:";
const RECENT = "recent:";
/** Messages per channel that are looked for again after a gap, to notice which were deleted meanwhile. */
const MAX_RECENT = 50;
const BASELINE = "baseline";
const FLUSH_AFTER_MS = 500;

interface Channel {
  /** The newest message before which all were ingested, and which is written down. */
  cursor: string | undefined;
  /** The newest message that was ingested. */
  newest: string | undefined;
  readonly pending: Set<string>;
  /** A gap before the live messages is being read: until it is closed they move nothing. */
  held: boolean;
  /** The newest messages that were ingested, oldest first. */
  recent: string[];
}

/**
 * Per channel and thread, the last message up to which everything was ingested, and the newest of those; kept over restarts.
 *
 * Written some time after the fact and at the end, never before: what a crash takes back is read again and recognised.
 */
export class Cursors {
  readonly #state: AdapterStateStore;
  readonly #installationId: string;
  readonly #logger: Logger;
  readonly #channels = new Map<string, Channel>();
  readonly #dirty = new Set<string>();
  #baseline: string | undefined;
  #loaded: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(state: AdapterStateStore, installationId: string, logger: Logger) {
    this.#state = state;
    this.#installationId = installationId;
    this.#logger = logger;
  }

  /** Reads what is kept, once. Rejects with LEDGER_UNAVAILABLE. */
  load(): Promise<void> {
    this.#loaded ??= this.#read().catch((error: unknown) => {
      this.#loaded = undefined;
      throw error;
    });
    return this.#loaded;
  }

  /** Where the installation's first run began; nothing older is read. Undefined before `begin`. */
  get baseline(): string | undefined {
    return this.#baseline;
  }

  /** Marks the beginning of the first run. */
  async begin(snowflake: string): Promise<void> {
    this.#baseline = snowflake;
    await this.#state.write(this.#installationId, new Map([[BASELINE, encode(snowflake)]]));
  }

  /** After which message reading has to go on; undefined when nothing was ever known here. */
  after(channelId: string): string | undefined {
    return this.#channels.get(channelId)?.cursor ?? this.#baseline;
  }

  channels(): readonly string[] {
    return [...this.#channels.keys()];
  }

  /** A live message is on its way into the ledger. */
  began(channelId: string, messageId: string): void {
    this.#channel(channelId).pending.add(messageId);
  }

  /** It is in the ledger, or was of no interest. */
  done(channelId: string, messageId: string): void {
    const channel = this.#channel(channelId);
    channel.pending.delete(messageId);
    this.#remember(channel, channelId, messageId);
    if (channel.newest === undefined || isNewer(messageId, channel.newest)) channel.newest = messageId;
    this.#advance(channelId, channel);
  }

  /** From now until `release`, only `read` moves the cursor. */
  hold(channelId: string): void {
    this.#channel(channelId).held = true;
  }

  /** A page of the gap was ingested: these messages, oldest first. */
  read(channelId: string, messageIds: readonly string[]): void {
    const channel = this.#channel(channelId);
    for (const messageId of messageIds) this.#remember(channel, channelId, messageId);
    const last = messageIds.at(-1);
    if (last !== undefined) this.#set(channelId, channel, last);
  }

  /** The newest messages that were ingested, oldest first. */
  recent(channelId: string): readonly string[] {
    return this.#channels.get(channelId)?.recent ?? [];
  }

  /** A message is gone and will not be looked for again. */
  forget(channelId: string, messageId: string): void {
    const channel = this.#channel(channelId);
    channel.recent = channel.recent.filter((id) => id !== messageId);
    this.#writeSoon(channelId);
  }

  release(channelId: string): void {
    const channel = this.#channel(channelId);
    channel.held = false;
    this.#advance(channelId, channel);
  }

  /** Writes what moved; never rejects. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writing = this.#writing.then(() => this.#write());
    await this.#writing;
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #advance(channelId: string, channel: Channel): void {
    if (!channel.held && channel.pending.size === 0 && channel.newest !== undefined)
      this.#set(channelId, channel, channel.newest);
  }

  #set(channelId: string, channel: Channel, messageId: string): void {
    if (channel.cursor !== undefined && !isNewer(messageId, channel.cursor)) return;
    channel.cursor = messageId;
    this.#writeSoon(channelId);
  }

  #remember(channel: Channel, channelId: string, messageId: string): void {
    if (channel.recent.includes(messageId)) return;
    channel.recent = [...channel.recent, messageId].toSorted((a, b) => (isNewer(a, b) ? 1 : -1)).slice(-MAX_RECENT);
    this.#writeSoon(channelId);
  }

  #writeSoon(channelId: string): void {
    this.#dirty.add(channelId);
    this.#timer ??= setTimeout(() => void this.flush(), FLUSH_AFTER_MS);
  }

  #channel(channelId: string): Channel {
    let channel = this.#channels.get(channelId);
    if (channel === undefined) {
      channel = { cursor: undefined, newest: undefined, pending: new Set(), held: false, recent: [] };
      this.#channels.set(channelId, channel);
    }
    return channel;
  }

  async #read(): Promise<void> {
    for (const [key, row] of await this.#state.read(this.#installationId, PREFIX)) {
      const messageId = asId(new TextDecoder().decode(row));
      const channel = this.#channel(key.slice(PREFIX.length));
      if (messageId !== undefined) channel.cursor ??= messageId;
    }
    for (const [key, row] of await this.#state.read(this.#installationId, RECENT)) {
      const channel = this.#channel(key.slice(RECENT.length));
      if (channel.recent.length === 0) channel.recent = parseIds(row);
    }
    const baseline = (await this.#state.read(this.#installationId, BASELINE)).get(BASELINE);
    if (baseline !== undefined) this.#baseline ??= asId(new TextDecoder().decode(baseline));
  }

  async #write(): Promise<void> {
    const changes = new Map<string, Uint8Array | null>();
    for (const channelId of this.#dirty) {
      const channel = this.#channels.get(channelId);
      if (channel?.cursor !== undefined) changes.set(PREFIX + channelId, encode(channel.cursor));
      // Without a cursor a place whose first gap is being read must not look as if it were known to the end.
      if (channel !== undefined && (channel.cursor !== undefined || !channel.held))
        changes.set(RECENT + channelId, encode(JSON.stringify(channel.recent)));
    }
    this.#dirty.clear();
    if (changes.size === 0) return;
    try {
      await this.#state.write(this.#installationId, changes);
    } catch (error) {
      // Tried again with the next message; until then more would be read after a crash than has to be.
      for (const key of changes.keys()) this.#dirty.add(key.slice(key.indexOf(":") + 1));
      this.#logger.warn({ installationId: this.#installationId, err: error }, "discord cursors could not be stored");
    }
  }
}

/** What cannot be read says nothing of any message. */
function parseIds(row: Uint8Array): string[] {
  try {
    return [...asIds(JSON.parse(new TextDecoder().decode(row)))];
  } catch {
    return [];
  }
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
