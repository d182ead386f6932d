import type { EventFanOut } from "./events/fan-out.ts";
import type { Channel, Installation, User, Wire } from "./model/records.ts";
import { SeededRandom } from "./model/seeded-random.ts";
import { formatTs } from "./model/timestamps.ts";
import { World } from "./model/world.ts";
import type { ResolvedOptions } from "./options.ts";
import { ChannelLog } from "./oracle/channel-log.ts";
import { DeliveryLog } from "./oracle/delivery-log.ts";
import { RequestLog } from "./oracle/request-log.ts";
import { ShortLived } from "./short-lived.ts";

/** A modal that an app opened. */
export interface OpenView {
  readonly id: string;
  readonly appId: string;
  readonly teamId: string;
  readonly userId: string;
  hash: string;
  view: Wire;
  closed: boolean;
}

/** Where a response_url leads. */
export interface ResponseTarget {
  readonly appId: string;
  readonly teamId: string;
  readonly channel: string;
  readonly userId: string;
  readonly messageTs?: string;
  usesLeft: number;
}

/** What all parts of the stand-in share: state, oracle, clock and chance. */
export class Core {
  readonly options: ResolvedOptions;
  readonly world = new World();
  readonly log = new ChannelLog();
  readonly requests: RequestLog;
  readonly deliveries = new DeliveryLog();
  readonly random: SeededRandom;
  readonly views = new Map<string, OpenView>();
  readonly triggers: ShortLived<{ appId: string; teamId: string; userId: string }>;
  readonly responseUrls = new Map<string, ResponseTarget>();
  readonly oauthCodes = new Map<
    string,
    { appId: string; teamId: string; userId: string; scopes: string[]; redirectUri: string }
  >();
  readonly uploads = new Map<string, string>();
  /** Base address without a trailing slash; set when the server listens. */
  url = "";
  /** Set by the composition right after construction. */
  events!: EventFanOut;
  readonly #timers = new Set<NodeJS.Timeout>();
  #eventMicros = 0;

  constructor(options: ResolvedOptions) {
    this.options = options;
    this.requests = new RequestLog(options.recordRequests);
    this.random = new SeededRandom(options.seed);
    this.triggers = new ShortLived(options.triggerLifetimeMs);
  }

  nowMs(): number {
    return Date.now();
  }

  /** A fresh event_ts for events that are about no message. */
  eventTs(): string {
    this.#eventMicros = Math.max(this.#eventMicros + 1, this.nowMs() * 1000);
    return formatTs(this.#eventMicros);
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

  /** The only installation in a workspace, or the one of the named app. */
  installationIn(teamId: string, appId?: string): Installation {
    const all = this.world.installationsOf(teamId).filter((one) => appId === undefined || one.appId === appId);
    const [only] = all;
    if (only === undefined || all.length > 1) throw new Error(`name the app: ${all.length} installations in ${teamId}`);
    return only;
  }
}
