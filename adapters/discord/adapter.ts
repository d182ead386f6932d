import type {
  AdapterLimits,
  ChatAdapter,
  InstallationHealth,
  OutboundPost,
  Receipt,
  ReconcileOutcome,
  ReconcileQuery,
  RenderContext,
  RenderedPost,
  RenderLoss,
} from "../../src/contracts/adapter.ts";
import type { AdapterFeatures } from "../../src/contracts/adapter-features.ts";
import type { AdapterSink } from "../../src/contracts/adapter-sink.ts";
import { MAX_ARTIFACT_BYTES, type ReplyPart } from "../../src/envelope/reply.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { findLosses } from "../shared/losses.ts";
import { Activity } from "./activity.ts";
import type { DiscordConfig } from "./config.ts";
import { discordFeatures } from "./features.ts";
import { discordGaps } from "./gaps.ts";
import { Outbound } from "./outbound.ts";
import { EDIT_INTERVAL_MS } from "./preview.ts";
import { reconcileDelivery } from "./reconcile.ts";
import { MAX_TEXT_CHARS, renderReply } from "./render.ts";
import { Running } from "./running.ts";
import { SharedReads } from "./shared-reads.ts";

/** The adapter for Discord: one bot, every guild that it is in, and its direct messages. */
export class DiscordAdapter implements ChatAdapter {
  readonly platform = "discord";
  readonly limits: AdapterLimits;
  readonly features: AdapterFeatures;
  readonly #config: DiscordConfig;
  readonly #outbound: Outbound;
  readonly #reads = new SharedReads();
  #running: Running | undefined;
  #starting: Promise<void> | undefined;

  constructor(config: DiscordConfig) {
    this.#config = config;
    this.limits = {
      maxTextChars: MAX_TEXT_CHARS,
      minEditIntervalMs: EDIT_INTERVAL_MS,
      maxUploadBytes: MAX_ARTIFACT_BYTES,
      answersInThread: config.answersInThread,
    };
    this.#outbound = new Outbound(() => {
      const { client, guilds, webhooks, threads, sink } = this.#need();
      return { client, guilds, webhooks, threads, state: sink.state };
    }, config.deliverySecret ?? config.botToken);
    this.features = discordFeatures({
      running: () => this.#need(),
      outbound: this.#outbound,
      activity: new Activity(() => this.#need().client, this.#outbound),
      linkHosts: config.linkHosts,
      cdnHosts: config.cdnHosts,
    });
  }

  start(sink: AdapterSink, signal: AbortSignal): Promise<void> {
    this.#starting ??= this.#start(sink, signal);
    return this.#starting;
  }

  async #start(sink: AdapterSink, signal: AbortSignal): Promise<void> {
    const running = new Running(this.#config, sink);
    this.#running = running;
    const onAbort = (): void => void this.stop();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      await running.start();
    } catch (error) {
      signal.removeEventListener("abort", onAbort);
      await this.stop();
      throw error;
    }
    if (signal.aborted) await this.stop();
  }

  async stop(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    await running.stop();
    if (this.#running === running) {
      this.#running = undefined;
      this.#starting = undefined;
    }
  }

  render(parts: readonly ReplyPart[], context: RenderContext): readonly RenderedPost[] {
    return renderReply(parts, context, this.#config.linkHosts);
  }

  losses(parts: readonly ReplyPart[]): readonly RenderLoss[] {
    return findLosses(parts, discordGaps(this.#config.linkHosts));
  }

  async send(post: OutboundPost): Promise<Receipt> {
    return this.#outbound.send(post);
  }

  async reconcile(query: ReconcileQuery): Promise<ReconcileOutcome> {
    const { client, guilds } = this.#need();
    await guilds.need(query.target.installationId);
    return reconcileDelivery(query, {
      client,
      reads: this.#reads,
      bot: guilds.bot,
      mark: this.#outbound.markOf(query.idempotencyKey),
      settleMs: this.#config.reconcileSettleMs,
      nowMs: Date.now(),
    });
  }

  health(): readonly InstallationHealth[] {
    return this.#running?.health() ?? [];
  }

  #need(): Running {
    if (this.#running === undefined)
      throw new ParleyError("PLATFORM_UNAVAILABLE", {
        detail: "the Discord adapter is not running",
        delivery: "not_sent",
      });
    return this.#running;
  }
}
