import { InstallProvider, type Installation as SlackInstallation } from "@slack/oauth";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Installation } from "../../src/contracts/adapter-sink.ts";
import type { Logger } from "../../src/contracts/logger.ts";
import { ParleyError, toParleyError } from "../../src/errors/parley-error.ts";
import { quietLogger } from "./client-logger.ts";
import type { SlackConfig } from "./config.ts";
import { BOT_SCOPES } from "./manifest.ts";
import { withTokens } from "./token-rotation.ts";
import { settingOf } from "./workspace.ts";
import type { Workspaces } from "./workspaces.ts";

/** Below the adapter's base path. */
export const INSTALL_PATH = "/install";
export const REDIRECT_PATH = "/oauth_redirect";
const OAUTH_TIMEOUT_MS = 10_000;

export interface OauthOptions {
  readonly config: SlackConfig;
  /** Undefined while the adapter is not running. */
  readonly running: () => { readonly workspaces: Workspaces; readonly logger: Logger } | undefined;
}

/**
 * Registers the pages by which a workspace connects itself: `/slack/install` and `/slack/oauth_redirect`.
 *
 * The state is sealed with the state secret and bound to the browser by a cookie. Absent without client id, client secret and
 * state secret.
 */
export async function mountOauth(server: FastifyInstance, options: OauthOptions): Promise<void> {
  const { clientId, clientSecret, stateSecret } = options.config;
  if (clientId === undefined || clientSecret === undefined || stateSecret === undefined) return;
  let made: { readonly provider: InstallProvider; readonly workspaces: Workspaces } | undefined;
  const need = (): InstallProvider => {
    const running = options.running();
    if (running === undefined)
      throw new ParleyError("LEDGER_UNAVAILABLE", { detail: "the Slack adapter is not running" });
    // Made anew after a restart of the adapter, whose installations are others then.
    if (made?.workspaces !== running.workspaces) {
      const { workspaces, logger } = running;
      const secrets = { clientId, clientSecret, stateSecret };
      made = { workspaces, provider: createProvider(options.config, secrets, workspaces, logger) };
    }
    return made.provider;
  };
  const route = (
    url: string,
    handle: (install: InstallProvider, request: FastifyRequest, reply: FastifyReply) => Promise<void>,
  ): void => {
    server.route({
      method: "GET",
      url,
      schema: { hide: true },
      handler: async (request, reply) => {
        const install = need();
        // The SDK answers on the bare response.
        reply.hijack();
        await handle(install, request, reply);
      },
    });
  };
  const { basePath, publicUrl } = options.config;
  const redirectUri = publicUrl === undefined ? undefined : new URL(basePath + REDIRECT_PATH, publicUrl).href;
  const urlOptions = { scopes: [...BOT_SCOPES], ...(redirectUri === undefined ? {} : { redirectUri }) };
  route(basePath + INSTALL_PATH, (install, request, reply) =>
    install.handleInstallPath(request.raw, reply.raw, {}, urlOptions),
  );
  route(basePath + REDIRECT_PATH, (install, request, reply) =>
    install.handleCallback(request.raw, reply.raw, {
      afterInstallation: (installation, _urlOptions, _request, response) => {
        if (isAllowed(installation, options.config.allowedTeams)) return Promise.resolve(true);
        response
          .writeHead(403, { "content-type": "text/plain; charset=utf-8" })
          .end("This workspace may not be connected to this Parley. Ask its operator.");
        return Promise.resolve(false);
      },
    }),
  );
}

function createProvider(
  config: SlackConfig,
  secrets: { readonly clientId: string; readonly clientSecret: string; readonly stateSecret: string },
  workspaces: Workspaces,
  logger: Logger,
): InstallProvider {
  return new InstallProvider({
    ...secrets,
    ...(config.authorizeUrl === undefined ? {} : { authorizationUrl: config.authorizeUrl }),
    directInstall: true,
    logger: quietLogger,
    clientOptions: {
      slackApiUrl: config.apiUrl.endsWith("/") ? config.apiUrl : `${config.apiUrl}/`,
      retryConfig: { retries: 0 },
      rejectRateLimitedCalls: true,
      timeout: OAUTH_TIMEOUT_MS,
    },
    installationStore: {
      storeInstallation: async (installation) => {
        try {
          await workspaces.save(toRecord(installation, config.organizationId));
        } catch (error) {
          const fault = toParleyError(error);
          logger.error({ code: fault.code, detail: fault.detail }, "a Slack installation could not be stored");
          throw error;
        }
      },
      fetchInstallation: async (query) => {
        const workspace = await workspaces.find({
          teamIds: [query.enterpriseId, query.teamId],
          enterpriseInstall: query.isEnterpriseInstall,
        });
        if (workspace === undefined)
          throw new ParleyError("NOT_FOUND", { detail: "there is no such Slack installation" });
        return toSlackInstallation(workspace.record);
      },
      deleteInstallation: async (query) => {
        const workspace = await workspaces.find({
          teamIds: [query.enterpriseId, query.teamId],
          enterpriseInstall: query.isEnterpriseInstall,
        });
        if (workspace !== undefined) await workspaces.setStatus(workspace, "removed", "deleted through the SDK");
      },
    },
  });
}

function isAllowed(installation: SlackInstallation, allowedTeams: readonly string[]): boolean {
  if (allowedTeams.length === 0) return true;
  return [installation.team?.id, installation.enterprise?.id].some(
    (id) => id !== undefined && allowedTeams.includes(id),
  );
}

/** The ledger's form. Tokens of people are never stored: nothing here acts in anybody's name. */
export function toRecord(
  installation: SlackInstallation,
  organizationId: string,
): Omit<Installation, "installationId" | "status"> {
  const { team, enterprise, bot } = installation;
  const externalId = installation.isEnterpriseInstall === true ? enterprise?.id : team?.id;
  if (externalId === undefined || bot === undefined)
    throw new ParleyError("REQUEST_INVALID", { detail: "the installation names no workspace or no bot" });
  const record = {
    organizationId,
    platform: "slack",
    externalId,
    name: (installation.isEnterpriseInstall === true ? enterprise?.name : team?.name) ?? externalId,
    settings: {
      ...(installation.isEnterpriseInstall === true || team === undefined ? {} : { teamId: team.id }),
      ...(enterprise === undefined ? {} : { enterpriseId: enterprise.id }),
      ...(installation.appId === undefined ? {} : { appId: installation.appId }),
      botUserId: bot.userId,
      botId: bot.id,
      scopes: bot.scopes,
      installedBy: installation.user.id,
      source: "oauth",
    },
    secrets: {},
  };
  return {
    ...record,
    ...withTokens(record, {
      token: bot.token,
      refreshToken: bot.refreshToken,
      expiresAtMs: bot.expiresAt === undefined ? undefined : bot.expiresAt * 1_000,
    }),
  };
}

function toSlackInstallation(record: Installation): SlackInstallation<"v2", boolean> {
  const enterpriseId = settingOf(record, "enterpriseId");
  const teamId = settingOf(record, "teamId");
  const scopes = record.settings["scopes"];
  return {
    team: teamId === undefined ? undefined : { id: teamId, name: record.name },
    enterprise: enterpriseId === undefined ? undefined : { id: enterpriseId },
    user: { token: undefined, scopes: undefined, id: settingOf(record, "installedBy") ?? "" },
    bot: {
      token: record.secrets["botToken"] ?? "",
      id: settingOf(record, "botId") ?? "",
      userId: settingOf(record, "botUserId") ?? "",
      scopes: Array.isArray(scopes) ? scopes.filter((scope) => typeof scope === "string") : [],
    },
    isEnterpriseInstall: teamId === undefined,
    authVersion: "v2",
  };
}
