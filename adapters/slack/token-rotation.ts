import { setTimeout as pause } from "node:timers/promises";
import type { AdapterSink, Installation } from "../../src/contracts/adapter-sink.ts";
import { ParleyError, toParleyError } from "../../src/errors/parley-error.ts";
import { fromSdkError } from "./client-errors.ts";
import { createWebClient } from "./client-sdk.ts";
import type { SlackConfig } from "./config.ts";
import { slackErrorName } from "./errors.ts";
import type { SdkFetch } from "./sdk-connections.ts";
import type { Workspace } from "./workspace.ts";

/** A token of Slack's lives twelve hours; an hour before its end leaves many attempts. */
const REFRESH_BEFORE_MS = 60 * 60_000;
/** The old pair is spent once Slack has answered, so the new one is worth some patience; undefined ends it until the next sweep. */
const SAVE_PAUSES_MS = [250, 500, 1_000, 2_000, 4_000, undefined] as const;
const LEASE = "token-refresh";

/** Answers that say that this refresh token will never work again. https://docs.slack.dev/authentication/using-token-rotation */
const DEAD_REFRESH_TOKEN = new Set(["invalid_refresh_token", "token_revoked", "account_inactive", "invalid_grant"]);

export interface TokenRotationOptions {
  readonly config: Pick<SlackConfig, "apiUrl" | "clientId" | "clientSecret">;
  readonly sink: Pick<AdapterSink, "state" | "logger">;
  readonly fetch: SdkFetch;
  /** Reads the ledger again and gives the installation as it is now. */
  readonly reload: (installationId: string) => Promise<Workspace | undefined>;
  readonly save: (installation: Omit<Installation, "installationId" | "status">) => Promise<unknown>;
  /** The installation cannot be refreshed any more: somebody has to install it again. */
  readonly onDead: (workspace: Workspace, reason: string) => Promise<void>;
}

/**
 * Exchanges bot tokens that expire, each before its end, one exchange at a time over all processes: a refresh token works once.
 *
 * The new pair is in the ledger, encrypted, before any call uses it.
 */
export class TokenRotation {
  readonly #options: TokenRotationOptions;
  readonly #running = new Map<string, Promise<void>>();
  /** What Slack gave and the ledger could not take yet: the old pair is spent. */
  readonly #unsaved = new Map<string, Omit<Installation, "installationId" | "status">>();

  constructor(options: TokenRotationOptions) {
    this.#options = options;
  }

  /** Refreshes what ends soon. Never rejects; what failed is tried again by the next call. */
  async refreshDue(workspaces: readonly Workspace[]): Promise<void> {
    const due = workspaces.filter((one) => one.record.status === "active" && endsWithin(one, REFRESH_BEFORE_MS));
    await Promise.all(due.map((workspace) => this.refresh(workspace)));
  }

  /** Never rejects; calls that come while an exchange is under way share it. */
  refresh(workspace: Workspace): Promise<void> {
    const { installationId } = workspace;
    const running = this.#running.get(installationId);
    if (running !== undefined) return running;
    const exchange = this.#underLease(workspace)
      .catch((error: unknown) => {
        const fault = toParleyError(error);
        this.#options.sink.logger.warn(
          { installationId, code: fault.code, detail: fault.detail },
          "a slack token could not be refreshed yet",
        );
      })
      .finally(() => this.#running.delete(installationId));
    this.#running.set(installationId, exchange);
    return exchange;
  }

  async #underLease(before: Workspace): Promise<void> {
    const { sink, reload, onDead } = this.#options;
    const lease = await sink.state.lease(before.installationId, LEASE);
    // Another process is at it; its token is read with the next look at the ledger.
    if (lease === undefined) return;
    try {
      const workspace = await reload(before.installationId);
      if (workspace === undefined || workspace.record.status !== "active") return;
      if (workspace.token !== before.token) {
        this.#unsaved.delete(before.installationId);
        return;
      }
      try {
        if (!this.#unsaved.has(workspace.installationId)) await this.#exchange(workspace);
        await this.#save(workspace);
      } catch (error) {
        const name = slackErrorName(error);
        if (name === undefined || !DEAD_REFRESH_TOKEN.has(name)) throw error;
        await onDead(workspace, `Slack refused to refresh the token (${name}); install the app again`);
      }
    } finally {
      await lease.release();
    }
  }

  async #exchange(workspace: Workspace): Promise<void> {
    const { config, fetch } = this.#options;
    const { record } = workspace;
    const refreshToken = record.secrets["refreshToken"];
    if (refreshToken === undefined || config.clientId === undefined || config.clientSecret === undefined)
      throw new ParleyError("CREDENTIAL_MISSING", {
        detail: "tokens of Slack that expire need the app's client id and client secret",
      });
    const answer = await createWebClient(undefined, config.apiUrl, fetch)
      .oauth.v2.access({
        client_id: config.clientId,
        client_secret: config.clientSecret,
        grant_type: "refresh_token",
        refresh_token: refreshToken,
      })
      .catch((error: unknown) => {
        throw fromSdkError("oauth.v2.access", error);
      });
    if (answer.access_token === undefined)
      throw new ParleyError("PLATFORM_UNAVAILABLE", { detail: "Slack's answer to a refresh holds no token" });
    const { installationId: _id, status: _status, ...kept } = record;
    this.#unsaved.set(record.installationId, {
      ...kept,
      ...withTokens(kept, {
        token: answer.access_token,
        refreshToken: answer.refresh_token ?? refreshToken,
        expiresAtMs: answer.expires_in === undefined ? undefined : Date.now() + answer.expires_in * 1_000,
      }),
    });
  }

  async #save({ installationId }: Workspace): Promise<void> {
    const unsaved = this.#unsaved.get(installationId);
    if (unsaved === undefined) return;
    for (const pauseMs of SAVE_PAUSES_MS) {
      try {
        await this.#options.save(unsaved);
        break;
      } catch (error) {
        if (pauseMs === undefined) throw error;
        await pause(pauseMs, undefined, { ref: false });
      }
    }
    this.#unsaved.delete(installationId);
    this.#options.sink.logger.info({ installationId }, "slack token refreshed");
  }
}

/** True when the installation's token ends within this time; false for tokens that do not end. */
export function endsWithin(workspace: Pick<Workspace, "record">, ms: number): boolean {
  const expiresAt = workspace.record.settings["tokenExpiresAt"];
  return (
    workspace.record.secrets["refreshToken"] !== undefined &&
    typeof expiresAt === "string" &&
    Date.parse(expiresAt) - Date.now() < ms
  );
}

/** Settings and secrets with these tokens in place of whatever tokens they held. */
export function withTokens(
  record: Pick<Installation, "settings" | "secrets">,
  tokens: {
    readonly token: string;
    readonly refreshToken: string | undefined;
    readonly expiresAtMs: number | undefined;
  },
): Pick<Installation, "settings" | "secrets"> {
  const { tokenExpiresAt: _before, ...settings } = record.settings;
  const { refreshToken: _old, ...secrets } = record.secrets;
  return {
    settings: {
      ...settings,
      ...(tokens.expiresAtMs === undefined ? {} : { tokenExpiresAt: new Date(tokens.expiresAtMs).toISOString() }),
    },
    secrets: {
      ...secrets,
      botToken: tokens.token,
      ...(tokens.refreshToken === undefined ? {} : { refreshToken: tokens.refreshToken }),
    },
  };
}
