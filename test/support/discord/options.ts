/** Settings of the stand-in; every one has a default, and a plain object of them can be sent to a separate process. */
export interface StandInOptions {
  /** Default 127.0.0.1, a free port. */
  host?: string;
  port?: number;
  /** Seed of every random choice. Default 1. */
  seed?: number;
  /** Buckets per route, the global limit and their headers. Default off; `fraction` 0.5 halves every allowance. */
  rateLimits?: false | { fraction?: number };
  gateway?: {
    /** Default 41 250. */
    heartbeatIntervalMs?: number;
    /** How long a session without a connection can be resumed. Default 180 000. */
    sessionLifetimeMs?: number;
    /** Identifies in 24 h before the bot token is reset. Default 1 000. */
    identifyLimit?: number;
    /** Identifies at once in 5 s. Default 1. */
    maxConcurrency?: number;
    /** Recommended by GET /gateway/bot. Default 1. */
    shards?: number;
    /** Guilds of one shard beyond which it is told to share them out. Default 2 500. */
    maxGuildsPerShard?: number;
    /** Length of the 5 s of max_concurrency. Default 5 000. */
    identifyWindowMs?: number;
  };
  /** How long a nonce is remembered. Default 180 000. */
  nonceWindowMs?: number;
  /** How long an interaction waits for its first answer. Default 3 000. */
  acknowledgeMs?: number;
  /** How long the token of an interaction is good for. Default 900 000. */
  interactionTokenMs?: number;
  /** Edits of messages older than an hour that a channel takes per hour. Default 30; Discord names no number. */
  oldEditsPerHour?: number;
  /** Links in messages are previewed after this time, as a MESSAGE_UPDATE without an edit. Default off. */
  unfurlAfterMs?: number | false;
  /** How long the addresses of files are good for. Default 86 400 000. */
  fileLinkMs?: number;
  /** Keep every request for later questions. Default true; false for long benchmarks. */
  recordRequests?: boolean;
}

export interface ResolvedOptions {
  readonly host: string;
  readonly port: number;
  readonly seed: number;
  readonly rateLimits: false | { readonly fraction: number };
  readonly gateway: Required<NonNullable<StandInOptions["gateway"]>>;
  readonly nonceWindowMs: number;
  readonly acknowledgeMs: number;
  readonly interactionTokenMs: number;
  readonly oldEditsPerHour: number;
  readonly unfurlAfterMs: number | false;
  readonly fileLinkMs: number;
  readonly recordRequests: boolean;
}

export function resolveOptions(options: StandInOptions): ResolvedOptions {
  const { gateway = {}, rateLimits = false } = options;
  return {
    host: options.host ?? "127.0.0.1",
    port: options.port ?? 0,
    seed: options.seed ?? 1,
    rateLimits: rateLimits === false ? false : { fraction: rateLimits.fraction ?? 1 },
    gateway: {
      heartbeatIntervalMs: gateway.heartbeatIntervalMs ?? 41_250,
      sessionLifetimeMs: gateway.sessionLifetimeMs ?? 180_000,
      identifyLimit: gateway.identifyLimit ?? 1_000,
      maxConcurrency: gateway.maxConcurrency ?? 1,
      shards: gateway.shards ?? 1,
      maxGuildsPerShard: gateway.maxGuildsPerShard ?? 2_500,
      identifyWindowMs: gateway.identifyWindowMs ?? 5_000,
    },
    nonceWindowMs: options.nonceWindowMs ?? 180_000,
    acknowledgeMs: options.acknowledgeMs ?? 3_000,
    interactionTokenMs: options.interactionTokenMs ?? 900_000,
    oldEditsPerHour: options.oldEditsPerHour ?? 30,
    unfurlAfterMs: options.unfurlAfterMs ?? false,
    fileLinkMs: options.fileLinkMs ?? 86_400_000,
    recordRequests: options.recordRequests ?? true,
  };
}
