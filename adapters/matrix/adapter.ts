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
import { Accounts, type Served } from "./accounts.ts";
import type { PictureHttp } from "./avatar.ts";
import type { MatrixConfig } from "./config.ts";
import type { OpenCrypto } from "./crypto-port.ts";
import { matrixFeatures } from "./features.ts";
import { matrixLosses } from "./gaps.ts";
import { MAX_TEXT_CHARS } from "./markup.ts";
import { Outbound } from "./outbound.ts";
import { EDIT_INTERVAL_MS, FAST_EDIT_INTERVAL_MS } from "./rate-rules.ts";
import { mountTransactions } from "./receiver-transactions.ts";
import { reconcileDelivery } from "./reconcile.ts";
import { renderReply } from "./render.ts";
import { StatusLines } from "./status.ts";

/** The adapter for Matrix: one instance serves every bot account and application service. */
export class MatrixAdapter implements ChatAdapter {
  readonly platform = "matrix";
  readonly limits: AdapterLimits;
  readonly features: AdapterFeatures;
  readonly #config: MatrixConfig;
  readonly #openCrypto: OpenCrypto;
  readonly #http: PictureHttp | undefined;
  readonly #outbound: Outbound;
  readonly #status: StatusLines;
  #accounts: Accounts | undefined;
  #stopping: Promise<void> | undefined;

  constructor(config: MatrixConfig, openCrypto: OpenCrypto, http?: PictureHttp) {
    this.#config = config;
    this.#openCrypto = openCrypto;
    this.#http = http;
    const paced = config.pacing ?? config.appServiceToken === undefined;
    this.limits = {
      maxTextChars: MAX_TEXT_CHARS,
      minEditIntervalMs: paced ? EDIT_INTERVAL_MS : FAST_EDIT_INTERVAL_MS,
      maxUploadBytes: MAX_ARTIFACT_BYTES,
      nativeReplies: true,
    };
    const need = (installationId: string): Promise<Served> => this.#need(installationId);
    this.#outbound = new Outbound(need);
    this.#status = new StatusLines(this.#outbound);
    const { linkHosts } = config;
    this.features = matrixFeatures({ need, outbound: this.#outbound, linkHosts, status: this.#status });
  }

  async mount(server: FastifyInstance): Promise<void> {
    await mountTransactions(server, {
      find: (isToken) => (this.#stopping === undefined ? this.#accounts?.findService(isToken) : undefined),
      ready: () => this.#stopping === undefined && this.#accounts?.servicesReady === true,
    });
  }

  async start(sink: AdapterSink, signal: AbortSignal): Promise<void> {
    await this.#stopping;
    if (this.#accounts !== undefined) return;
    const accounts = new Accounts(this.#config, sink, this.#openCrypto, this.#http);
    this.#accounts = accounts;
    const onAbort = (): void => void this.stop();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      await accounts.start();
    } catch (error) {
      signal.removeEventListener("abort", onAbort);
      await this.stop();
      throw error;
    }
    if (signal.aborted) await this.stop();
  }

  stop(): Promise<void> {
    const accounts = this.#accounts;
    if (accounts === undefined) return Promise.resolve();
    this.#status.close();
    this.#stopping ??= accounts.close().finally(() => {
      this.#accounts = undefined;
      this.#stopping = undefined;
    });
    return this.#stopping;
  }

  render(parts: readonly ReplyPart[], context: RenderContext): readonly RenderedPost[] {
    return renderReply(parts, context, this.#config.linkHosts);
  }

  losses(parts: readonly ReplyPart[]): readonly RenderLoss[] {
    return matrixLosses(parts, this.#config.linkHosts);
  }

  send(post: OutboundPost): Promise<Receipt> {
    return this.#outbound.send(post);
  }

  async reconcile(query: ReconcileQuery): Promise<ReconcileOutcome> {
    const { account } = await this.#need(query.target.installationId);
    return reconcileDelivery(account, query);
  }

  health(): readonly InstallationHealth[] {
    return this.#accounts?.health() ?? [];
  }

  #need(installationId: string): Promise<Served> {
    if (this.#accounts === undefined)
      return Promise.reject(
        new ParleyError("PLATFORM_UNAVAILABLE", { detail: "the Matrix adapter is not running", delivery: "not_sent" }),
      );
    return this.#accounts.need(installationId);
  }
}
