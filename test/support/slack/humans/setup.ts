import type { Core } from "../core.ts";
import { install } from "../effects/installations.ts";
import { createChannel, joinChannel, openDirect } from "../effects/membership.ts";
import { byUser } from "../effects/provenance.ts";
import type { EventDelivery } from "../events/delivery.ts";
import type { App, Team, Transport } from "../model/records.ts";

/** Everything a bridge asks for; tests of missing scopes leave some out. */
export const ALL_SCOPES: readonly string[] = (
  "app_mentions:read assistant:write channels:history channels:join channels:read chat:write chat:write.customize commands " +
  "files:read files:write groups:history groups:read im:history im:read im:write mpim:history mpim:read mpim:write " +
  "reactions:read reactions:write team:read users:read"
).split(" ");

export interface AppSpec {
  id?: string;
  name?: string;
  transport?: Transport;
  requestUrl?: string;
  interactivityUrl?: string;
  commandUrl?: string;
  eventTypes?: "all" | string[];
  signingSecret?: string;
  appToken?: string;
  clientId?: string;
  clientSecret?: string;
  isAgent?: boolean;
  tokenRotation?: boolean;
  scopes?: string[];
}

/** What an app needs to know about itself; ids and secrets as an app's settings page shows them. */
export interface AppCredentials {
  appId: string;
  clientId: string;
  clientSecret: string;
  signingSecret: string;
  verificationToken: string;
  appToken: string;
}

export interface InstalledBot {
  appId: string;
  teamId: string;
  botToken: string;
  botUserId: string;
  botId: string;
  scopes: string[];
}

export interface ChannelInfo {
  id: string;
  teamId: string;
  kind: string;
  name: string;
  members: string[];
  archived: boolean;
}

/** A ready workspace: one team, one installed app, people, channels that all of them and the bot are in. */
export interface SmallWorkspace {
  team: Team;
  app: AppCredentials;
  bot: InstalledBot;
  users: string[];
  channels: string[];
}

/** Builds the world before (or while) it is used. Setting up emits no events, except that install() logs. */
export class Setup {
  readonly #core: Core;
  readonly #delivery: EventDelivery;

  constructor(core: Core, delivery: EventDelivery) {
    this.#core = core;
    this.#delivery = delivery;
  }

  addTeam(spec: { id?: string; name?: string; domain?: string; enterpriseId?: string } = {}): Team {
    const { world } = this.#core;
    const id = spec.id ?? world.newId("T");
    const name = spec.name ?? `Team ${world.teams.size + 1}`;
    const domain = spec.domain ?? name.toLowerCase().replaceAll(" ", "-");
    const team: Team = {
      id,
      name,
      domain,
      ...(spec.enterpriseId === undefined ? {} : { enterpriseId: spec.enterpriseId }),
    };
    world.teams.set(id, team);
    return team;
  }

  addApp(spec: AppSpec = {}): AppCredentials {
    const { world } = this.#core;
    const app: App = {
      id: spec.id ?? world.newId("A"),
      name: spec.name ?? "Parley",
      clientId: spec.clientId ?? `${world.apps.size + 1}000.${world.newSecret("").slice(0, 12)}`,
      clientSecret: spec.clientSecret ?? world.newSecret(""),
      signingSecret: spec.signingSecret ?? world.newSecret(""),
      verificationToken: world.newSecret("").slice(0, 24),
      appToken: spec.appToken ?? world.newSecret("xapp-1-"),
      transport: spec.transport ?? (spec.requestUrl === undefined ? "socket" : "http"),
      eventTypes: spec.eventTypes ?? "all",
      isAgent: spec.isAgent ?? true,
      tokenRotation: spec.tokenRotation ?? false,
      scopes: spec.scopes ?? [...ALL_SCOPES],
    };
    world.addApp(app);
    this.configureApp(app.id, spec);
    const { clientId, clientSecret, signingSecret, verificationToken, appToken } = app;
    return { appId: app.id, clientId, clientSecret, signingSecret, verificationToken, appToken };
  }

  /** Changes what an app's settings page would: transport, addresses, subscriptions. */
  configureApp(
    appId: string,
    change: Pick<
      AppSpec,
      "transport" | "requestUrl" | "interactivityUrl" | "commandUrl" | "eventTypes" | "isAgent" | "tokenRotation"
    >,
  ): void {
    const app = this.#core.world.need(this.#core.world.apps, appId);
    if (change.transport !== undefined) app.transport = change.transport;
    if (change.requestUrl !== undefined) app.requestUrl = change.requestUrl;
    if (change.interactivityUrl !== undefined) app.interactivityUrl = change.interactivityUrl;
    if (change.commandUrl !== undefined) app.commandUrl = change.commandUrl;
    if (change.eventTypes !== undefined) app.eventTypes = change.eventTypes;
    if (change.tokenRotation !== undefined) app.tokenRotation = change.tokenRotation;
    if (change.isAgent !== undefined) app.isAgent = change.isAgent;
  }

  /** Sends the url_verification challenge; true when the app echoed it. */
  async verifyRequestUrl(appId: string): Promise<boolean> {
    const { verified } = await this.#delivery.verifyUrl(this.#core.world.need(this.#core.world.apps, appId));
    return verified;
  }

  install(
    appId: string,
    teamId: string,
    spec: { scopes?: string[]; installerId?: string; botName?: string; botToken?: string } = {},
  ): InstalledBot {
    const app = this.#core.world.need(this.#core.world.apps, appId);
    const { scopes = app.scopes, installerId = "USLACKADMIN", ...names } = spec;
    const made = install(this.#core, app, teamId, { scopes, installerId, ...names });
    const { botToken, botUserId, botId } = made;
    return { appId, teamId, botToken, botUserId, botId, scopes: [...made.scopes] };
  }

  addUser(
    teamId: string,
    spec: {
      id?: string;
      name?: string;
      realName?: string;
      isRestricted?: boolean;
      isUltraRestricted?: boolean;
      isStranger?: boolean;
      isAdmin?: boolean;
      isBot?: boolean;
    } = {},
  ): string {
    const { world } = this.#core;
    const id = spec.id ?? world.newId("U");
    const name = spec.name ?? `person${world.users.size + 1}`;
    world.users.set(id, {
      id,
      teamId,
      name,
      realName: spec.realName ?? name,
      isBot: spec.isBot ?? false,
      isAdmin: spec.isAdmin ?? false,
      isRestricted: spec.isRestricted ?? false,
      isUltraRestricted: spec.isUltraRestricted ?? false,
      isStranger: spec.isStranger ?? false,
      deleted: false,
      ...(spec.isBot === true ? { botId: world.newId("B") } : {}),
    });
    return id;
  }

  /** A channel that has been there for long: no event tells of it. */
  addChannel(
    teamId: string,
    spec: { id?: string; name?: string; isPrivate?: boolean; members?: string[] } = {},
  ): ChannelInfo {
    const { world } = this.#core;
    const channel = createChannel(
      this.#core,
      teamId,
      {
        ...(spec.id === undefined ? {} : { id: spec.id }),
        name: spec.name ?? `channel-${world.channels.size + 1}`,
        kind: spec.isPrivate === true ? "private" : "public",
        creatorId: spec.members?.[0] ?? "USLACKADMIN",
        members: spec.members ?? [],
      },
      { silent: true },
    );
    return this.channel(channel.id);
  }

  /** Opens the DM of two, or the group DM of more people. */
  openDirect(teamId: string, userIds: string[]): ChannelInfo {
    return this.channel(openDirect(this.#core, teamId, userIds).channel.id);
  }

  /** Adds somebody with the usual events. */
  addMember(channelId: string, userId: string): void {
    joinChannel(this.#core, this.#core.channel(channelId), userId, byUser(userId));
  }

  channel(channelId: string): ChannelInfo {
    const { id, teamId, kind, name, members, archived } = this.#core.channel(channelId);
    return { id, teamId, kind, name, members: [...members], archived };
  }

  /** One call for the usual case. Default: 3 people, 1 channel. */
  smallWorkspace(spec: AppSpec & { users?: number; channels?: number } = {}): SmallWorkspace {
    const { users: userCount = 3, channels: channelCount = 1, ...appSpec } = spec;
    const team = this.addTeam();
    const app = this.addApp(appSpec);
    const bot = this.install(app.appId, team.id);
    const users = Array.from({ length: userCount }, () => this.addUser(team.id));
    const channels = Array.from(
      { length: channelCount },
      () => this.addChannel(team.id, { members: [...users, bot.botUserId] }).id,
    );
    return { team, app, bot, users, channels };
  }
}
