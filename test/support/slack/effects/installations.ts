import type { Core } from "../core.ts";
import type { App, Installation, User } from "../model/records.ts";
import { botProfile } from "../model/wire.ts";
import { byUser } from "./provenance.ts";

/** Puts an app into a workspace with a fresh token; a second install of the same app keeps its bot user and gets a new token. */
export function install(
  core: Core,
  app: App,
  teamId: string,
  spec: { installerId: string; scopes: readonly string[]; botName?: string; botToken?: string },
): Installation {
  const { world } = core;
  const known = world.installation(app.id, teamId);
  const botToken = spec.botToken ?? newBotToken(core, app);
  core.log.append({ kind: "install", team: teamId, ...byUser(spec.installerId), appId: app.id, text: "installed" });
  if (known !== undefined) {
    world.replaceToken(known, botToken);
    known.scopes = [...spec.scopes];
    known.state = "active";
    if (app.tokenRotation) known.refreshToken = world.newSecret("xoxe-1-");
    return known;
  }
  const bot: User = {
    id: world.newId("U"),
    teamId,
    name: spec.botName ?? app.name.toLowerCase().replaceAll(" ", "-"),
    realName: app.name,
    isBot: true,
    isAdmin: false,
    isRestricted: false,
    isUltraRestricted: false,
    isStranger: false,
    deleted: false,
    botId: world.newId("B"),
    appId: app.id,
  };
  world.users.set(bot.id, bot);
  const ids = { botId: bot.botId ?? "", botUserId: bot.id, teamId };
  const installation: Installation = {
    appId: app.id,
    ...ids,
    botToken,
    installerId: spec.installerId,
    profile: botProfile(app, ids),
    scopes: [...spec.scopes],
    state: "active",
    ...(app.tokenRotation ? { refreshToken: world.newSecret("xoxe-1-") } : {}),
  };
  world.addInstallation(installation);
  return installation;
}

/** Exchanges the tokens of an installation with token rotation. */
export function refreshInstallation(core: Core, installation: Installation): void {
  const app = core.world.need(core.world.apps, installation.appId);
  core.world.replaceToken(installation, newBotToken(core, app));
  installation.refreshToken = core.world.newSecret("xoxe-1-");
}

/** Ends an installation; the app hears of it, then its token is dead. */
export function endInstallation(
  core: Core,
  installation: Installation,
  how: "uninstalled" | "revoked",
  userId: string,
): void {
  installation.state = how;
  core.log.append({
    kind: "install",
    team: installation.teamId,
    ...byUser(userId),
    appId: installation.appId,
    text: how,
  });
  const revoked = {
    type: "tokens_revoked",
    tokens: { oauth: [], bot: [installation.botUserId] },
    event_ts: core.eventTs(),
  };
  core.events.toInstallation(installation, revoked);
  if (how !== "uninstalled") return;
  for (const channel of core.world.channelsOf(installation.teamId)) channel.members.delete(installation.botUserId);
  core.events.toInstallation(installation, { type: "app_uninstalled", event_ts: core.eventTs() });
}

function newBotToken(core: Core, app: App): string {
  return core.world.newSecret(app.tokenRotation ? "xoxe.xoxb-1-" : "xoxb-");
}
