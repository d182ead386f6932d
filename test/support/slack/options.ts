/** Settings of the stand-in; every one has a default, and a plain object of them can be sent to a separate process. */
export interface StandInOptions {
  /** Default 127.0.0.1, a free port. */
  host?: string;
  port?: number;
  /** Seed of every random choice (faults, duplicates, reordering). Default 1. */
  seed?: number;
  /** Web API rate limits as Slack's documents give them. Default off. `fraction` 0.5 halves every allowance; `burst` is how many posts a channel takes at once (default 1). */
  rateLimits?: false | { fraction?: number; burst?: number };
  delivery?: {
    /** How long Slack waits for an acknowledgement. Default 3 000. */
    timeoutMs?: number;
    /** Pauses before the retries. Default 0, 1 min, 5 min. */
    retryDelaysMs?: number[];
    /** Multiplies the pauses, so that a test need not wait for minutes. Default 1. */
    retryScale?: number;
    /** Which of the two events about a message that mentions the bot goes out first. Default message_first. */
    mentionOrder?: "message_first" | "mention_first" | "random";
    /** Whether an app gets its own posts as message events, as on Slack. Default true; false saves half the events of a benchmark. */
    echoOwnPosts?: boolean;
    /** HTTP connections to one request URL. Default 64. */
    connections?: number;
  };
  socket?: {
    /** Default 10 000. */
    pingIntervalMs?: number;
    /** Default 10. */
    maxConnections?: number;
  };
  /** After this time a stream is closed by the server. Default 300 000. */
  streamLifetimeMs?: number;
  /** Life of the bot tokens of an app with token rotation, as its answers give it. Default 43 200 s. */
  tokenLifetimeS?: number;
  /** A trigger_id opens a view for this long. Default 3 000. */
  triggerLifetimeMs?: number;
  /** Total of all text in the blocks of one message before `msg_blocks_too_long`. Default 13 200. */
  maxTotalBlockChars?: number;
  /** How long Slack "processes" a file before the message with it appears. Default 0: at once. */
  fileShareDelayMs?: number;
  /** Links in people's messages are previewed after this time, as message_changed with the same text. Default off. */
  unfurlAfterMs?: number | false;
  /** Keep every request for later questions. Default true; false for long benchmarks. */
  recordRequests?: boolean;
}

export interface ResolvedOptions {
  readonly host: string;
  readonly port: number;
  readonly seed: number;
  readonly rateLimits: false | { fraction: number; burst: number };
  readonly delivery: {
    readonly timeoutMs: number;
    readonly retryDelaysMs: readonly number[];
    mentionOrder: "message_first" | "mention_first" | "random";
    readonly echoOwnPosts: boolean;
    readonly connections: number;
  };
  readonly socket: { readonly pingIntervalMs: number; readonly maxConnections: number };
  readonly streamLifetimeMs: number;
  readonly tokenLifetimeS: number;
  readonly triggerLifetimeMs: number;
  readonly maxTotalBlockChars: number;
  readonly fileShareDelayMs: number;
  readonly unfurlAfterMs: number | false;
  readonly recordRequests: boolean;
}

export function resolveOptions(options: StandInOptions): ResolvedOptions {
  const { delivery = {}, socket = {}, rateLimits = false } = options;
  const scale = delivery.retryScale ?? 1;
  return {
    host: options.host ?? "127.0.0.1",
    port: options.port ?? 0,
    seed: options.seed ?? 1,
    rateLimits: rateLimits === false ? false : { fraction: rateLimits.fraction ?? 1, burst: rateLimits.burst ?? 1 },
    delivery: {
      timeoutMs: delivery.timeoutMs ?? 3_000,
      retryDelaysMs: (delivery.retryDelaysMs ?? [0, 60_000, 300_000]).map((delay) => delay * scale),
      mentionOrder: delivery.mentionOrder ?? "message_first",
      echoOwnPosts: delivery.echoOwnPosts ?? true,
      connections: delivery.connections ?? 64,
    },
    socket: { pingIntervalMs: socket.pingIntervalMs ?? 10_000, maxConnections: socket.maxConnections ?? 10 },
    streamLifetimeMs: options.streamLifetimeMs ?? 300_000,
    tokenLifetimeS: options.tokenLifetimeS ?? 43_200,
    triggerLifetimeMs: options.triggerLifetimeMs ?? 3_000,
    maxTotalBlockChars: options.maxTotalBlockChars ?? 13_200,
    fileShareDelayMs: options.fileShareDelayMs ?? 0,
    unfurlAfterMs: options.unfurlAfterMs ?? false,
    recordRequests: options.recordRequests ?? true,
  };
}
