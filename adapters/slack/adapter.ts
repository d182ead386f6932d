import type { FastifyInstance } from "fastify";
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
import type { ReplyPart } from "../../src/envelope/reply.ts";
import { MAX_ARTIFACT_BYTES } from "../../src/envelope/reply.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { findLosses } from "../shared/losses.ts";
import { CatchUp } from "./catch-up.ts";
import { SlackClient } from "./client.ts";
import type { SlackConfig } from "./config.ts";
import { slackFeatures } from "./features.ts";
import { slackGaps } from "./gaps.ts";
import { mountHttpReceiver } from "./http-receiver.ts";
import { Ingress } from "./ingress.ts";
import { MAX_MARKDOWN_CHARS } from "./markup.ts";
import { mountOauth } from "./oauth.ts";
import { Outbound } from "./outbound.ts";
import { EDIT_INTERVAL_MS } from "./preview.ts";
import { reconcileDelivery } from "./reconcile.ts";
import { renderReply } from "./render.ts";
import { SocketReceiver } from "./socket-receiver.ts";
import type { Workspace } from "./workspace.ts";
import { Workspaces } from "./workspaces.ts";

/** Everything that exists between `start` and `stop`. */
interface Running {
  readonly client: SlackClient;
  readonly workspaces: Workspaces;
  readonly ingress: Ingress;
  readonly socket: SocketReceiver | undefined;
  readonly catchUp: CatchUp;
  readonly sink: AdapterSink;
}

/** The adapter for Slack: one instance serves every connected workspace. */
export class SlackAdapter implements ChatAdapter {
  readonly platform = "slack";
  readonly limits: AdapterLimits;
  readonly features: AdapterFeatures;
  readonly #config: SlackConfig;
  readonly #outbound: Outbound;
  #running: Running | undefined;
  /** No new events are taken from the moment `stop` is called. */
  #accepting = false;

  constructor(config: SlackConfig) {
    this.#config = config;
    this.limits = {
      maxTextChars: MAX_MARKDOWN_CHARS,
      minEditIntervalMs: EDIT_INTERVAL_MS,
      maxUploadBytes: MAX_ARTIFACT_BYTES,
      answersInThread: true,
      orderingHoldMs: config.orderingHoldMs,
    };
    const need = (installationId: string): Promise<Workspace> => this.#need(installationId);
    const secret =
      config.deliverySecret ?? config.signingSecret ?? config.clientSecret ?? config.appToken ?? config.botToken ?? "";
    this.#outbound = new Outbound(need, secret);
    this.features = slackFeatures({
      need,
      outbound: this.#outbound,
      linkHosts: config.linkHosts,
      apiUrl: config.apiUrl,
    });
  }

  async mount(server: FastifyInstance): Promise<void> {
    const { mode, signingSecret, basePath } = this.#config;
    if (mode === "http" && signingSecret !== undefined)
      await mountHttpReceiver(server, {
        signingSecret,
        basePath,
        ingress: () => (this.#accepting ? this.#running?.ingress : undefined),
      });
    await mountOauth(server, {
      config: this.#config,
      running: () =>
        this.#running === undefined
          ? undefined
          : { workspaces: this.#running.workspaces, logger: this.#running.sink.logger },
    });
  }

  async start(sink: AdapterSink, signal: AbortSignal): Promise<void> {
    if (this.#running !== undefined) return;
    const client = new SlackClient({ apiUrl: this.#config.apiUrl, timeoutMs: this.#config.callTimeoutMs });
    const workspaces = new Workspaces(this.#config, sink, client);
    const receiving = (): boolean => this.#accepting && (this.#running?.socket?.connectedCount ?? 1) > 0;
    const catchUp = new CatchUp({ config: this.#config, sink, workspaces, receiving });
    const ingress = new Ingress(this.#config, sink, workspaces, catchUp);
    const socket = this.#createSocket(ingress, catchUp, workspaces, sink);
    this.#running = { client, workspaces, ingress, socket, catchUp, sink };
    const onAbort = (): void => void this.stop();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      await workspaces.start();
      this.#accepting = this.#config.receive;
      await socket?.start();
      if (this.#config.receive) catchUp.start();
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
    const ended = running.catchUp.stop();
    this.#accepting = false;
    running.socket?.refuseNew();
    await running.ingress.drained();
    await ended;
    await running.socket?.stop();
    await running.workspaces.close();
    await running.client.close();
    if (this.#running === running) this.#running = undefined;
  }

  render(parts: readonly ReplyPart[], context: RenderContext): readonly RenderedPost[] {
    return renderReply(parts, context, this.#config.linkHosts);
  }

  losses(parts: readonly ReplyPart[]): readonly RenderLoss[] {
    return findLosses(parts, slackGaps(this.#config.linkHosts));
  }

  send(post: OutboundPost): Promise<Receipt> {
    return this.#outbound.send(post);
  }

  async reconcile(query: ReconcileQuery): Promise<ReconcileOutcome> {
    const workspace = await this.#need(query.target.installationId);
    return reconcileDelivery(workspace, query, {
      mark: this.#outbound.markOf(query.idempotencyKey),
      settleMs: this.#config.reconcileSettleMs,
      nowMs: Date.now(),
    });
  }

  health(): readonly InstallationHealth[] {
    const running = this.#running;
    if (running === undefined) return [];
    return running.workspaces.health(running.socket?.health() ?? { connected: true });
  }

  #createSocket(
    ingress: Ingress,
    catchUp: CatchUp,
    workspaces: Workspaces,
    sink: AdapterSink,
  ): SocketReceiver | undefined {
    const { mode, appToken, apiUrl, receive, socketConnections } = this.#config;
    if (mode !== "socket" || appToken === undefined || !receive) return undefined;
    return new SocketReceiver({
      appToken,
      apiUrl,
      connections: socketConnections,
      ingress,
      onBack: () => catchUp.back(),
      sdkFetch: workspaces.sdkFetch,
      logger: sink.logger,
    });
  }

  #need(installationId: string): Promise<Workspace> {
    const running = this.#running;
    if (running === undefined)
      return Promise.reject(
        new ParleyError("PLATFORM_UNAVAILABLE", { detail: "the Slack adapter is not running", delivery: "not_sent" }),
      );
    return running.workspaces.need(installationId);
  }
}
