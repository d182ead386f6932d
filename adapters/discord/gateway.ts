import type { AdapterSink } from "../../src/contracts/adapter-sink.ts";
import { type ParleyError, toParleyError } from "../../src/errors/parley-error.ts";
import { abortableSleep } from "../shared/abortable-sleep.ts";
import type { DiscordClient } from "./client.ts";
import { loadDiscordSdk } from "./client-shard.ts";
import type { DiscordConfig } from "./config.ts";
import { IdentifyBudget } from "./identify-budget.ts";
import { isGatewayUrl } from "./inbound-frame.ts";
import type { Ingress } from "./ingress.ts";
import { intentsOf } from "./intents.ts";
import { asNumber, asRecord } from "./raw.ts";
import { ROUTES } from "./routes.ts";
import { type ReceivedDispatch, type ShardHealth, ShardRunner } from "./shard-runner.ts";

const ASK_AGAIN_MS = [1_000, 2_000, 5_000, 15_000, 60_000] as const;
const DEFAULT_GATEWAY_URL = "wss://gateway.discord.gg";
/** What Discord allows an application that is told nothing else. */
const IDENTIFIES_PER_DAY = 1_000;
/** How long the start waits for a session and for the guilds that it announces, in ms. */
const SETTLE_MS = 15_000;
const POLL_MS = 20;

export interface GatewayTools {
  readonly config: DiscordConfig;
  readonly sink: AdapterSink;
  readonly client: DiscordClient;
  readonly ingress: Ingress;
  /** The installation that sessions are kept with. */
  readonly installationId: string;
  readonly isCatchingUp: () => boolean;
  readonly ending: AbortSignal;
}

/** Where the sessions begin, how many, and what their identifies are limited to. */
interface Plan {
  readonly url: string;
  readonly shardCount: number;
  readonly maxConcurrency: number;
  readonly perDay: number;
}

/** All gateway sessions of this process: one runner per shard. */
export class Gateway {
  readonly #tools: GatewayTools;
  readonly #runners: ShardRunner[] = [];
  #shardCount = 1;

  constructor(tools: GatewayTools) {
    this.#tools = tools;
  }

  /** Begins the sessions, and resolves once events can arrive, or after a time without them. Never rejects. */
  async start(): Promise<void> {
    const plan = await this.#plan();
    if (plan === undefined) return;
    this.#shardCount = plan.shardCount;
    const { config, sink, ingress, installationId, isCatchingUp, ending } = this.#tools;
    const sdk = await loadDiscordSdk();
    if (ending.aborted) return;
    const budget = new IdentifyBudget(sink.state, installationId, { ...plan, paced: config.pacing });
    for (const shardId of config.shardIds ?? Array.from({ length: plan.shardCount }, (_, index) => index)) {
      const runner = new ShardRunner({
        sdk,
        token: config.botToken,
        intents: intentsOf(config),
        shardId,
        shardCount: plan.shardCount,
        gatewayUrl: plan.url,
        fixedUrl: config.gatewayUrl,
        installationId,
        sink,
        onDispatch: (dispatch: ReceivedDispatch) => ingress.dispatch(dispatch),
        onUnreadable: (reason, frame, done) => ingress.unreadable(reason, frame, done),
        budget,
        isCatchingUp,
      });
      this.#runners.push(runner);
      runner.start();
    }
    await this.#settled();
  }

  refuseNew(): void {
    for (const runner of this.#runners) runner.refuseNew();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#runners.map((runner) => runner.stop()));
  }

  /** A gap was closed: sessions that waited for it may keep their positions. */
  positionsMayMove(): void {
    for (const runner of this.#runners) runner.positionMayMove();
  }

  /** Whether it is known which shards there are. */
  get isPlanned(): boolean {
    return this.#runners.length > 0;
  }

  /** Whether this process hears now of everything that happens in the guild. */
  hears(guildId: string): boolean {
    return this.healthOf(guildId)?.state === "connected";
  }

  /** The shard that hears of a guild, or without one of direct messages; undefined where this process does not run it. https://docs.discord.com/developers/events/gateway#sharding */
  healthOf(guildId: string | undefined): ShardHealth | undefined {
    const shardId = guildId === undefined ? 0 : Number((BigInt(guildId) >> 22n) % BigInt(this.#shardCount));
    return this.#runners.find(({ health }) => health.shardId === shardId)?.health;
  }

  /** How many shards, and where; asked of Discord until it answers, unless the configuration says both. */
  async #plan(): Promise<Plan | undefined> {
    const { config, client, ending, sink } = this.#tools;
    if (config.gatewayUrl !== undefined && config.shardCount !== "auto")
      return {
        url: config.gatewayUrl,
        shardCount: config.shardCount,
        maxConcurrency: 1,
        perDay: IDENTIFIES_PER_DAY,
      };
    for (let attempt = 0; !ending.aborted; attempt += 1) {
      try {
        const answer = asRecord(await client.call({ route: ROUTES.gateway(), signal: ending }));
        const limit = asRecord(answer?.["session_start_limit"]);
        const url = config.gatewayUrl ?? answer?.["url"];
        return {
          url: isGatewayUrl(url) ? url : DEFAULT_GATEWAY_URL,
          shardCount: config.shardCount === "auto" ? atLeastOne(answer?.["shards"], 1) : config.shardCount,
          maxConcurrency: atLeastOne(limit?.["max_concurrency"], 1),
          perDay: atLeastOne(limit?.["total"], IDENTIFIES_PER_DAY),
        };
      } catch (thrown) {
        const error = toParleyError(thrown);
        if (error.code === "PLATFORM_UNAUTHORIZED" || ending.aborted) return undefined;
        sink.logger.warn({ code: error.code, detail: error.detail }, "discord's gateway could not be asked for");
        const pauseMs = ASK_AGAIN_MS[Math.min(attempt, ASK_AGAIN_MS.length - 1)] ?? 60_000;
        await abortableSleep(error.retryAfterMs ?? pauseMs, ending).catch(() => undefined);
      }
    }
    return undefined;
  }

  async #settled(): Promise<void> {
    const { ending, ingress } = this.#tools;
    const untilMs = performance.now() + SETTLE_MS;
    const connected = Promise.all(this.#runners.map((runner) => runner.settled()));
    let done = false;
    void connected.then(() => {
      done = true;
    });
    // READY announces the guilds; their channels come one by one behind it.
    while (!ending.aborted && performance.now() < untilMs && (!done || ingress.expectedGuilds > 0))
      await abortableSleep(POLL_MS, ending).catch(() => undefined);
  }
}

function atLeastOne(given: unknown, otherwise: number): number {
  return Math.max(1, Math.floor(asNumber(given) ?? otherwise));
}

/** Asks Discord whose token this is, until it answers. Throws PLATFORM_UNAUTHORIZED, or TURN_CANCELLED at the end. */
export async function askApplication(
  client: DiscordClient,
  ending: AbortSignal,
  onFailure: (error: ParleyError) => void,
): Promise<Readonly<Record<string, unknown>>> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return asRecord(await client.call({ route: ROUTES.application(), signal: ending })) ?? {};
    } catch (thrown) {
      const error = toParleyError(thrown);
      if (error.code === "PLATFORM_UNAUTHORIZED" || error.code === "TURN_CANCELLED") throw error;
      onFailure(error);
      const pauseMs = ASK_AGAIN_MS[Math.min(attempt, ASK_AGAIN_MS.length - 1)] ?? 60_000;
      await abortableSleep(error.retryAfterMs ?? pauseMs, ending);
    }
  }
}
