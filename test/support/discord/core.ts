import { randomBytes } from "node:crypto";
import { SeededRandom } from "../slack/model/seeded-random.ts";
import type { FanOut } from "./gateway/fan-out.ts";
import { CHANNEL_TYPES } from "./model/bits.ts";
import type { Application, Channel, Guild, Interaction, User } from "./model/records.ts";
import { World } from "./model/world.ts";
import type { ResolvedOptions } from "./options.ts";
import { GuildLog } from "./oracle/guild-log.ts";
import { RequestLog } from "./oracle/request-log.ts";

/** What all parts of the stand-in share: state, oracle, clock and chance. */
export class Core {
  readonly options: ResolvedOptions;
  readonly world = new World();
  readonly log = new GuildLog();
  readonly requests: RequestLog;
  readonly random: SeededRandom;
  /** Signs the addresses of files. */
  readonly fileKey: Buffer = randomBytes(32);
  /** Told when an interaction gets its first answer. */
  readonly acknowledged = new Map<string, (how: Interaction, body: unknown) => void>();
  /** Base address without a trailing slash; set when the server listens. */
  url = "";
  /** Set by the composition right after construction. */
  events!: FanOut;
  readonly #timers = new Set<NodeJS.Timeout>();

  constructor(options: ResolvedOptions) {
    this.options = options;
    this.requests = new RequestLog(options.recordRequests);
    this.random = new SeededRandom(options.seed);
  }

  nowMs(): number {
    return Date.now();
  }

  /** Runs the work after a pause, unless the stand-in is closed before. */
  later(delayMs: number, work: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      work();
    }, delayMs);
    this.#timers.add(timer);
  }

  stopTimers(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  user(id: string): User {
    return this.world.need(this.world.users, id);
  }

  channel(id: string): Channel {
    return this.world.need(this.world.channels, id);
  }

  guild(id: string): Guild {
    return this.world.need(this.world.guilds, id);
  }

  application(id: string): Application {
    return this.world.need(this.world.applications, id);
  }

  /** The direct channel of two people; made when it is not there yet. */
  directChannel(one: string, other: string): Channel {
    const known = this.world.directChannel(one, other);
    if (known !== undefined) return known;
    const channel: Channel = {
      id: this.world.newId(),
      type: CHANNEL_TYPES.DM,
      guildId: undefined,
      name: "",
      topic: null,
      parentId: null,
      position: 0,
      overwrites: new Map(),
      recipients: [one, other],
      thread: undefined,
      messages: [],
      byId: new Map(),
      webhooks: new Set(),
      deleted: false,
    };
    this.world.channels.set(channel.id, channel);
    this.world.rememberDirect(channel);
    return channel;
  }
}
