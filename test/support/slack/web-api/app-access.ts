import { install, refreshInstallation } from "../effects/installations.ts";
import type { SocketMode } from "../events/socket-mode.ts";
import type { App, Installation, Wire } from "../model/records.ts";
import { ApiError } from "./api-error.ts";
import type { Handler, OpenCall } from "./call.ts";

/** Calls that come before or without a bot token: who the token is, OAuth, opening a socket. */
export function accessMethods(sockets: SocketMode): Record<string, Handler> {
  return {
    "auth.test": { auth: "open", run: authTest },
    "api.test": { auth: "open", run: () => ({}) },
    "oauth.v2.access": { auth: "open", run: oauthAccess },
    "apps.connections.open": { auth: "open", run: (call) => ({ url: sockets.ticketUrl(appOf(call)) }) },
  };
}

function appOf(call: OpenCall): App {
  const { token } = call;
  if (token === undefined) throw new ApiError("not_authed");
  if (token.startsWith("xoxb-")) throw new ApiError("not_allowed_token_type");
  const app = call.core.world.appByToken(token);
  if (app === undefined) throw new ApiError("invalid_auth");
  if (app.transport !== "socket") throw new ApiError("forbidden_team");
  return app;
}

function authTest(call: OpenCall): Wire {
  const { token, core } = call;
  if (token === undefined) throw new ApiError("not_authed");
  const app = core.world.appByToken(token);
  if (app !== undefined) return { app_name: app.name, app_id: app.id };
  const installation = core.world.installationByToken(token);
  if (installation === undefined) throw new ApiError("invalid_auth");
  checkAlive(installation);
  const team = core.world.need(core.world.teams, installation.teamId);
  return {
    url: `https://${team.domain}.slack.com/`,
    team: team.name,
    user: core.user(installation.botUserId).name,
    team_id: team.id,
    user_id: installation.botUserId,
    bot_id: installation.botId,
    is_enterprise_install: false,
  };
}

/** Refuses the token of an app that was removed or whose tokens were revoked. */
export function checkAlive({ state, tokenExpired }: Pick<Installation, "state" | "tokenExpired">): void {
  if (state === "revoked") throw new ApiError("token_revoked");
  if (state === "uninstalled") throw new ApiError("account_inactive");
  if (tokenExpired === true) throw new ApiError("token_expired");
}

function oauthAccess(call: OpenCall): Wire {
  const { core, args, basicAuth } = call;
  const clientId = basicAuth?.user ?? args.text("client_id");
  const clientSecret = basicAuth?.password ?? args.text("client_secret");
  const app = [...core.world.apps.values()].find((one) => one.clientId === clientId);
  if (app === undefined) throw new ApiError("invalid_client_id");
  if (app.clientSecret !== clientSecret) throw new ApiError("bad_client_secret");
  if (args.text("grant_type") === "refresh_token") return refresh(call, app);

  const code = args.needText("code");
  const grant = core.oauthCodes.get(code);
  if (grant === undefined || grant.appId !== app.id) throw new ApiError("invalid_code");
  const redirectUri = args.text("redirect_uri");
  if (redirectUri !== undefined && redirectUri !== grant.redirectUri) throw new ApiError("bad_redirect_uri");
  core.oauthCodes.delete(code);
  const installation = install(core, app, grant.teamId, { installerId: grant.userId, scopes: grant.scopes });
  const team = core.world.need(core.world.teams, grant.teamId);
  return {
    access_token: installation.botToken,
    ...(installation.refreshToken === undefined
      ? {}
      : { refresh_token: installation.refreshToken, expires_in: core.options.tokenLifetimeS }),
    token_type: "bot",
    scope: installation.scopes.join(","),
    bot_user_id: installation.botUserId,
    app_id: app.id,
    team: { name: team.name, id: team.id },
    enterprise: null,
    authed_user: { id: grant.userId },
    is_enterprise_install: false,
  };
}

/** A refresh token works once; it yields a new pair. */
function refresh(call: OpenCall, app: App): Wire {
  const given = call.args.needText("refresh_token");
  const installation = call.core.world.installations.find((one) => one.appId === app.id && one.refreshToken === given);
  if (installation === undefined) throw new ApiError("invalid_refresh_token");
  refreshInstallation(call.core, installation);
  return {
    access_token: installation.botToken,
    refresh_token: installation.refreshToken,
    expires_in: call.core.options.tokenLifetimeS,
    token_type: "bot",
    scope: installation.scopes.join(","),
    bot_user_id: installation.botUserId,
    app_id: app.id,
    team: { id: installation.teamId, name: call.core.world.need(call.core.world.teams, installation.teamId).name },
    enterprise: null,
    is_enterprise_install: false,
  };
}
