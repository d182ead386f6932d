import type { InstallationHealth } from "../../src/contracts/adapter.ts";
import type { AdapterSink, Installation } from "../../src/contracts/adapter-sink.ts";
import { ParleyError, toParleyError } from "../../src/errors/parley-error.ts";
import { SendLimiter } from "../shared/send-limiter.ts";
import type { SlackClient } from "./client.ts";
import { fromSdkError } from "./client-errors.ts";
import { createWebClient } from "./client-sdk.ts";
import type { SlackConfig } from "./config.ts";
import { slackErrorName } from "./errors.ts";
import { RATE_RULES } from "./rate-rules.ts";
import { asRecord, asString } from "./raw.ts";
import { SdkConnections, type SdkFetch } from "./sdk-connections.ts";
import { endsWithin, TokenRotation } from "./token-rotation.ts";
import { Workspace, type WorkspaceTools } from "./workspace.ts";

const PLATFORM = "slack";
/** Installs, pauses and new tokens of other processes are seen within this time; a workspace is to be back 30 s after it was installed again. */
const REFRESH_MS = 15_000;
/** Least time between two reloads that unknown workspaces cause. */
const RELOAD_PAUSE_MS = 2_000;
const TOKEN_RETRY_MS = [2_000, 5_000, 15_000, 60_000] as const;

/** Ids by which a payload names its workspace, best first. */
export interface WorkspaceRef {
  readonly teamIds: readonly (string | undefined)[];
  readonly enterpriseInstall: boolean;
}

/** All installations of the platform as this process sees them: the ledger's rows with their clients and caches. */
export class Workspaces {
  readonly #config: SlackConfig;
  readonly #sink: AdapterSink;
  readonly #tools: WorkspaceTools;
  readonly #connections = new SdkConnections();
  readonly #rotation: TokenRotation;
  readonly #byInstallation = new Map<string, Workspace>();
  readonly #byExternal = new Map<string, Workspace>();
  #reloading: Promise<void> | undefined;
  #reloadedAtMs = 0;
  #refreshTimer: NodeJS.Timeout | undefined;
  #tokenTimer: NodeJS.Timeout | undefined;
  #tokenFault: ParleyError | undefined;
  #tokenPending = false;
  #closed = false;

  constructor(config: SlackConfig, sink: AdapterSink, client: SlackClient) {
    this.#config = config;
    this.#sink = sink;
    this.#tools = {
      apiUrl: config.apiUrl,
      client,
      sdkFetch: this.#connections.fetch,
      limiter: new SendLimiter({ rules: RATE_RULES, pacing: config.pacing }),
      sink,
      onUnauthorized: (workspace, fault) => this.#unauthorized(workspace, fault),
    };
    this.#rotation = new TokenRotation({
      config,
      sink,
      fetch: this.#connections.fetch,
      reload: async (installationId) => {
        await this.#reload();
        return this.#byInstallation.get(installationId);
      },
      save: (installation) => this.save(installation),
      onDead: (workspace, reason) => this.#pause(workspace, reason),
    });
  }

  /** Loads the ledger's installations and connects that of the configured bot token. Rejects only when the ledger cannot be read. */
  async start(): Promise<void> {
    await this.#reload();
    if (this.#config.botToken !== undefined) {
      this.#tokenPending = true;
      await this.#connectToken(this.#config.botToken, 0);
    }
    await this.#rotation.refreshDue(this.list());
    this.#refreshTimer = setInterval(() => void this.#lookAgain(), REFRESH_MS).unref();
  }

  /** Never rejects. */
  async #lookAgain(): Promise<void> {
    try {
      await this.#reload();
      for (const workspace of this.list()) {
        if (workspace.refused === undefined || workspace.record.status !== "active") continue;
        if (workspace.awaitsToken) await this.#rotation.refresh(workspace);
        else await this.#pause(workspace, workspace.refused);
      }
      await this.#rotation.refreshDue(this.list());
    } catch (error) {
      this.#log("installations could not be read again", error);
    }
  }

  /** How calls of the SDK reach Slack; they end with `close`. */
  get sdkFetch(): SdkFetch {
    return this.#connections.fetch;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#refreshTimer);
    clearTimeout(this.#tokenTimer);
    for (const workspace of this.#byInstallation.values()) workspace.directory.close();
    await this.#connections.close();
  }

  list(): readonly Workspace[] {
    return [...this.#byInstallation.values()];
  }

  /** Guarantees the workspace of a write, reading the ledger again when it is unknown. Throws CREDENTIAL_MISSING. */
  async need(installationId: string): Promise<Workspace> {
    const known = this.#byInstallation.get(installationId);
    if (known !== undefined) return known;
    await this.#reloadSometimes();
    const found = this.#byInstallation.get(installationId);
    if (found !== undefined) return found;
    throw new ParleyError("CREDENTIAL_MISSING", {
      detail: "there is no such Slack installation",
      facts: { installationId },
    });
  }

  /**
   * The installation an event belongs to; undefined when there is none.
   *
   * Throws PLATFORM_UNAVAILABLE while the configured token is not connected yet: the event may be its, so Slack has to come again.
   */
  async find(ref: WorkspaceRef): Promise<Workspace | undefined> {
    const known = this.#lookUp(ref);
    if (known !== undefined) return known;
    await this.#reloadSometimes();
    const found = this.#lookUp(ref);
    if (found === undefined && this.#tokenPending)
      throw new ParleyError("PLATFORM_UNAVAILABLE", { detail: "the Slack workspace is not connected yet" });
    return found;
  }

  /** The one installation there is; for payloads that do not say whose they are. */
  single(): Workspace | undefined {
    return this.#byInstallation.size === 1 ? this.list()[0] : undefined;
  }

  /** Stores an installation and takes it into use at once. */
  async save(installation: Omit<Installation, "installationId" | "status">): Promise<Workspace> {
    return this.#adopt(await this.#sink.installations.save(installation));
  }

  async setStatus(workspace: Workspace, status: Installation["status"], reason: string): Promise<void> {
    await this.#sink.installations.setStatus(workspace.installationId, status, reason);
    this.#adopt({ ...workspace.record, status });
    this.#sink.logger.warn(
      { installationId: workspace.installationId, status, reason },
      "slack installation changed its state",
    );
  }

  health(connection: { readonly connected: boolean; readonly detail?: string }): InstallationHealth[] {
    const rows: InstallationHealth[] = this.list().map((workspace) => {
      const { record, lastEventAtMs } = workspace;
      const paused = !workspace.isUsable;
      const detail = paused
        ? `paused: ${workspace.refused ?? "Slack does not accept the token, or an operator paused it"}; install the app again or set a new token`
        : connection.detail;
      return {
        installationId: record.installationId,
        name: record.name,
        state: paused ? "paused" : connection.connected ? "connected" : "connecting",
        ...(detail === undefined ? {} : { detail }),
        ...(lastEventAtMs === undefined ? {} : { lastEventAt: new Date(lastEventAtMs).toISOString() }),
      };
    });
    if (this.#tokenFault !== undefined) {
      const refused = this.#tokenFault.code === "PLATFORM_UNAUTHORIZED";
      rows.push({
        installationId: "slack:token",
        name: "workspace of the configured bot token",
        state: refused ? "failed" : "connecting",
        detail: this.#tokenFault.detail ?? this.#tokenFault.code,
      });
    }
    return rows;
  }

  async #connectToken(token: string, attempt: number): Promise<void> {
    try {
      await this.save(await describeToken(token, this.#config, this.#connections.fetch));
      this.#tokenFault = undefined;
      this.#tokenPending = false;
    } catch (error) {
      const fault = fromSdkError("auth.test", error);
      this.#tokenFault = fault;
      this.#log("slack's bot token could not be checked", fault);
      // A refused token stays refused: the workspace's events have no home here.
      if (fault.code === "PLATFORM_UNAUTHORIZED") this.#tokenPending = false;
      else if (!this.#closed) this.#retryToken(token, attempt);
    }
  }

  #retryToken(token: string, attempt: number): void {
    const pauseMs = TOKEN_RETRY_MS[Math.min(attempt, TOKEN_RETRY_MS.length - 1)] ?? 60_000;
    this.#tokenTimer = setTimeout(() => {
      void this.#connectToken(token, attempt + 1);
    }, pauseMs).unref();
  }

  /** Prefers the kind of installation the payload speaks of, and takes the other when only that is here. */
  #lookUp(ref: WorkspaceRef): Workspace | undefined {
    let other: Workspace | undefined;
    for (const id of ref.teamIds) {
      const workspace = id === undefined ? undefined : this.#byExternal.get(id);
      if (workspace === undefined) continue;
      if (id?.startsWith("E") === ref.enterpriseInstall) return workspace;
      other ??= workspace;
    }
    return other;
  }

  #adopt(record: Installation): Workspace {
    const known = this.#byInstallation.get(record.installationId);
    if (known !== undefined && sameRecord(known.record, record)) return known;
    known?.directory.close();
    const workspace = new Workspace(record, this.#tools);
    if (known !== undefined) {
      workspace.lastEventAtMs = known.lastEventAtMs;
      // Installed again with the same token: Slack may have brought it back to life.
      const again = known.record.status !== "active" && record.status === "active";
      if (known.token === workspace.token && !again) {
        workspace.refused = known.refused;
        workspace.awaitsToken = known.awaitsToken;
      }
    }
    if (record.status === "removed") {
      this.#byInstallation.delete(record.installationId);
      this.#byExternal.delete(record.externalId);
      return workspace;
    }
    this.#byInstallation.set(record.installationId, workspace);
    this.#byExternal.set(record.externalId, workspace);
    if (workspace.isUsable && this.#config.receive) {
      void workspace.directory.learnChannels();
      void workspace.directory.learnPeople();
    }
    return workspace;
  }

  #reload(): Promise<void> {
    this.#reloading ??= this.#readAll().finally(() => {
      this.#reloading = undefined;
    });
    return this.#reloading;
  }

  async #readAll(): Promise<void> {
    this.#reloadedAtMs = Date.now();
    for (const record of await this.#sink.installations.list(PLATFORM)) this.#adopt(record);
  }

  async #reloadSometimes(): Promise<void> {
    if (this.#reloading !== undefined || Date.now() - this.#reloadedAtMs >= RELOAD_PAUSE_MS) await this.#reload();
  }

  /** Sees to a refused token: takes the newer one that there is, gets a new one, or else pauses the installation. Never rejects. */
  async #unauthorized(workspace: Workspace, fault: ParleyError): Promise<boolean> {
    const replaced = (): boolean => {
      const current = this.#byInstallation.get(workspace.installationId);
      return current !== undefined && current.isUsable && current.token !== workspace.token;
    };
    try {
      await this.#reload();
      workspace.awaitsToken ||=
        slackErrorName(fault) === "token_expired" && endsWithin(workspace, Number.POSITIVE_INFINITY);
      if (!replaced() && workspace.awaitsToken) await this.#rotation.refresh(workspace);
      if (replaced() || workspace.awaitsToken) return true;
      await this.#pause(workspace, fault.detail ?? fault.code);
    } catch (error) {
      this.#log("slack refused the token, and the installation could not be paused yet", error);
    }
    return replaced();
  }

  /** Pauses the installation unless it has another token by now, or is paused already. */
  async #pause(workspace: Workspace, reason: string): Promise<void> {
    const current = this.#byInstallation.get(workspace.installationId);
    if (current === undefined || current.token !== workspace.token || current.record.status !== "active") return;
    await this.setStatus(current, "paused", reason);
  }

  #log(message: string, error: unknown): void {
    const fault = toParleyError(error);
    this.#sink.logger.warn({ code: fault.code, detail: fault.detail }, message);
  }
}

function sameRecord(a: Installation, b: Installation): boolean {
  return (
    a.status === b.status &&
    a.name === b.name &&
    a.secrets["botToken"] === b.secrets["botToken"] &&
    a.secrets["refreshToken"] === b.secrets["refreshToken"] &&
    JSON.stringify(a.settings) === JSON.stringify(b.settings)
  );
}

/** Asks Slack whose token this is. */
async function describeToken(
  token: string,
  config: SlackConfig,
  fetch: SdkFetch,
): Promise<Omit<Installation, "installationId" | "status">> {
  const answer = asRecord(await createWebClient(token, config.apiUrl, fetch).auth.test()) ?? {};
  const enterpriseWide = answer["is_enterprise_install"] === true;
  const teamId = asString(answer["team_id"]);
  const externalId = (enterpriseWide ? asString(answer["enterprise_id"]) : undefined) ?? teamId;
  const botUserId = asString(answer["user_id"]);
  const botId = asString(answer["bot_id"]);
  if (externalId === undefined || botUserId === undefined || botId === undefined)
    throw new ParleyError("PLATFORM_UNAUTHORIZED", {
      detail: "auth.test names no bot: SLACK_BOT_TOKEN has to be a bot token (xoxb-...)",
    });
  const scopes = asRecord(answer["response_metadata"])?.["scopes"];
  const appId = asString(answer["app_id"]);
  return {
    organizationId: config.organizationId,
    platform: PLATFORM,
    externalId,
    name: asString(answer["team"]) ?? externalId,
    settings: {
      ...(enterpriseWide || teamId === undefined ? {} : { teamId }),
      ...(appId === undefined ? {} : { appId }),
      botUserId,
      botId,
      botName: asString(answer["user"]) ?? "Parley",
      scopes: Array.isArray(scopes) ? scopes.filter((scope) => typeof scope === "string") : [],
      source: "token",
    },
    secrets: { botToken: token },
  };
}
