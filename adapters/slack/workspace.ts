import type { AdapterSink, Installation } from "../../src/contracts/adapter-sink.ts";
import type { JsonValue } from "../../src/contracts/json.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { cancelled } from "../shared/abortable-sleep.ts";
import type { CallKey, SendLimiter } from "../shared/send-limiter.ts";
import type { SlackAnswer, SlackClient } from "./client.ts";
import { fromSdkError } from "./client-errors.ts";
import { createWebClient, type WebClient } from "./client-sdk.ts";
import { Directory } from "./directory.ts";
import { type AgentIndex, agentIndex, type InboundContext, newTraceId } from "./inbound-context.ts";
import { POST_PER_WORKSPACE } from "./rate-rules.ts";
import type { SdkFetch } from "./sdk-connections.ts";

/** How long a preview leaves a workspace alone that is paused or disconnected, in ms. */
const INACTIVE_WAIT_MS = 5_000;

/** What all workspaces of an adapter share. */
export interface WorkspaceTools {
  readonly apiUrl: string;
  readonly client: SlackClient;
  readonly sdkFetch: SdkFetch;
  readonly limiter: SendLimiter;
  readonly sink: AdapterSink;
  /** Called when Slack refuses the workspace's token; true when there is another one by now, for a next attempt. */
  readonly onUnauthorized: (workspace: Workspace, fault: ParleyError) => Promise<boolean>;
}

export interface WriteOptions {
  readonly channel?: string;
  readonly signal?: AbortSignal;
  readonly encoding?: "json" | "form";
  /** False when the caller took its turn at the limiter already. */
  readonly paced?: boolean;
}

/** One installation at run time: its identity on Slack, its clients, what is known about its people and channels. */
export class Workspace {
  readonly record: Installation;
  readonly token: string;
  readonly teamId: string;
  readonly botUserId: string;
  readonly botId: string | undefined;
  readonly directory: Directory;
  readonly web: WebClient;
  /** The app's id; the configured bot token does not tell it, events do. */
  readonly app: { id: string | undefined };
  lastEventAtMs: number | undefined;
  /** Why Slack refused the token; set with the first refusal, before the ledger knows, so that no further call uses it. */
  refused: string | undefined;
  /** Its token reached its end and another one is being asked for: calls wait instead of failing for good. */
  awaitsToken = false;
  /** Cleared when Slack says that the workspace did not grant chat:write.customize. */
  canCustomize: boolean;
  /** Cleared when Slack says that streams do not exist here (GovSlack). */
  canStream = true;
  canShowStatus = true;
  readonly #tools: WorkspaceTools;
  readonly #context: InboundContext;

  constructor(record: Installation, tools: WorkspaceTools) {
    this.record = record;
    this.#tools = tools;
    this.token = record.secrets["botToken"] ?? "";
    this.teamId = settingOf(record, "teamId") ?? record.externalId;
    this.botUserId = settingOf(record, "botUserId") ?? "";
    this.botId = settingOf(record, "botId");
    this.app = { id: settingOf(record, "appId") };
    const scopes = record.settings["scopes"];
    this.canCustomize = !Array.isArray(scopes) || scopes.length === 0 || scopes.includes("chat:write.customize");
    this.web = createWebClient(this.token, tools.apiUrl, tools.sdkFetch);
    this.directory = new Directory(this.web, this.teamId, {
      isUsable: () => this.isUsable,
      onFailure: (error) => void this.#noteRefusal(fromSdkError("directory", error)),
    });
    this.#context = this.#createContext(this.teamId);
  }

  get installationId(): string {
    return this.record.installationId;
  }

  /** False while calls with this token would only be refused. */
  get isUsable(): boolean {
    return this.record.status === "active" && this.refused === undefined;
  }

  /** What translations may look at. A workspace of an enterprise-wide install is named by the event. */
  contextFor(teamId: string | undefined): InboundContext {
    return teamId === undefined || teamId === this.teamId || settingOf(this.record, "teamId") !== undefined
      ? this.#context
      : this.#createContext(teamId);
  }

  /** Performs one write; failures pause the bucket or the installation as Slack asks. */
  async write(
    method: string,
    body: { readonly [argument: string]: JsonValue | undefined },
    options: WriteOptions = {},
  ): Promise<SlackAnswer> {
    this.#requireActive();
    const { limiter, client } = this.#tools;
    const key = this.callKey(method, options.channel);
    if (options.paced !== false) {
      if (method === "chat.postMessage") await limiter.acquire(this.callKey(POST_PER_WORKSPACE), options.signal);
      await limiter.acquire(key, options.signal);
    }
    if (options.signal?.aborted) throw cancelled();
    return this.#guarded(
      key,
      client.call({
        method,
        token: this.token,
        body,
        ...(options.signal === undefined ? {} : { signal: options.signal }),
        ...(options.encoding === undefined ? {} : { encoding: options.encoding }),
      }),
    );
  }

  /** Performs one read through the SDK, paced; the signal ends the wait for it. */
  async read<Answer>(method: string, call: (web: WebClient) => Promise<Answer>, signal?: AbortSignal): Promise<Answer> {
    this.#requireActive();
    const key = this.callKey(method);
    await this.#tools.limiter.acquire(key, signal);
    return this.#guarded(
      key,
      untilAborted(call(this.web), signal).catch((error: unknown) => {
        throw fromSdkError(method, error);
      }),
    );
  }

  get apiUrl(): string {
    return this.#tools.apiUrl;
  }

  /** Posts bytes to an address of Slack, without the token. */
  postBytes(options: Parameters<SlackClient["post"]>[0]): Promise<void> {
    return this.#tools.client.post(options);
  }

  /** Whether something that may be left out may use the method now; takes the turn if so. */
  mayPreview(method: string, channel: string): boolean {
    return this.isUsable && this.#tools.limiter.tryAcquire(this.callKey(method, channel));
  }

  /** Takes a turn of the method for a live preview: 0 when it was taken, else when to ask again, in ms. */
  previewWaitMs(method: string, channel: string): number {
    if (this.record.status !== "active") return INACTIVE_WAIT_MS;
    return this.#tools.limiter.takePreviewTurn(this.callKey(method, channel));
  }

  callKey(method: string, channel?: string): CallKey {
    return { installationId: this.installationId, method, ...(channel === undefined ? {} : { channel }) };
  }

  async #guarded<Answer>(key: CallKey, call: Promise<Answer>): Promise<Answer> {
    try {
      return await call;
    } catch (error) {
      if (error instanceof ParleyError && error.code === "PLATFORM_RATE_LIMITED")
        this.#tools.limiter.pause(key, error.retryAfterMs ?? 0);
      if (error instanceof ParleyError && (await this.#noteRefusal(error))) throw tokenChanged(error);
      throw error;
    }
  }

  /** Ends the use of a refused token at once; true when there is another one by now. */
  async #noteRefusal(error: ParleyError): Promise<boolean> {
    if (error.code !== "PLATFORM_UNAUTHORIZED") return false;
    this.refused ??= error.detail ?? error.code;
    return this.#tools.onUnauthorized(this, error);
  }

  #requireActive(): void {
    if (this.isUsable) return;
    if (this.awaitsToken && this.record.status === "active")
      throw new ParleyError("PLATFORM_UNAVAILABLE", {
        detail: "the token reached its end and is being refreshed",
        delivery: "not_sent",
      });
    throw new ParleyError("PLATFORM_UNAUTHORIZED", {
      detail: this.refused ?? `the Slack installation is ${this.record.status}`,
      facts: { installationId: this.installationId },
    });
  }

  #createContext(teamId: string): InboundContext {
    const { sink } = this.#tools;
    const { record, directory, app } = this;
    return {
      organizationId: record.organizationId,
      installationId: record.installationId,
      teamId,
      teamName: record.name,
      botUserId: this.botUserId,
      botId: this.botId,
      botName: settingOf(record, "botName") ?? "Parley",
      get appId(): string | undefined {
        return app.id;
      },
      get agents(): AgentIndex {
        return agentIndex(sink.agents(record.organizationId));
      },
      channel: (channelId) => directory.channel(channelId),
      person: (userId) => directory.person(userId),
      newTraceId,
      nowMs: Date.now,
    };
  }
}

/** Slack refused the call for its token alone, so nothing happened, and the next attempt has the new token. */
function tokenChanged(cause: ParleyError): ParleyError {
  return new ParleyError("PLATFORM_UNAVAILABLE", {
    detail: "the token was replaced meanwhile",
    delivery: "not_sent",
    cause,
  });
}

export function settingOf(record: Pick<Installation, "settings">, name: string): string | undefined {
  const value = record.settings[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}

function untilAborted<Answer>(work: Promise<Answer>, signal: AbortSignal | undefined): Promise<Answer> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(cancelled());
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
