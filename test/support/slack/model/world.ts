import { randomUUID } from "node:crypto";
import type { App, Channel, Installation, Message, StoredFile, Team, User } from "./records.ts";

/** All state that Slack itself would hold, with the indexes the hot paths need. */
export class World {
  readonly teams = new Map<string, Team>();
  readonly apps = new Map<string, App>();
  readonly users = new Map<string, User>();
  readonly channels = new Map<string, Channel>();
  readonly files = new Map<string, StoredFile>();
  readonly installations: Installation[] = [];
  readonly #byBotToken = new Map<string, Installation>();
  readonly #byAppToken = new Map<string, App>();
  readonly #byTeam = new Map<string, Installation[]>();
  readonly #direct = new Map<string, Channel>();
  #ids = 0;

  /** A new id in Slack's form: a letter, then capitals and digits. */
  newId(prefix: string): string {
    this.#ids += 1;
    return `${prefix}0${this.#ids.toString(36).toUpperCase().padStart(9, "0")}`;
  }

  /** A secret that nobody can guess, with the given prefix. */
  newSecret(prefix: string): string {
    return `${prefix}${randomUUID().replaceAll("-", "")}`;
  }

  addApp(app: App): void {
    this.apps.set(app.id, app);
    this.#byAppToken.set(app.appToken, app);
  }

  addInstallation(installation: Installation): void {
    this.installations.push(installation);
    this.#byBotToken.set(installation.botToken, installation);
    const ofTeam = this.#byTeam.get(installation.teamId);
    if (ofTeam === undefined) this.#byTeam.set(installation.teamId, [installation]);
    else ofTeam.push(installation);
  }

  /** Gives an installation another bot token; the old one stops to work at once. */
  replaceToken(installation: Installation, botToken: string): void {
    this.#byBotToken.delete(installation.botToken);
    installation.botToken = botToken;
    installation.tokenExpired = false;
    this.#byBotToken.set(botToken, installation);
  }

  installationByToken(token: string): Installation | undefined {
    return this.#byBotToken.get(token);
  }

  appByToken(token: string): App | undefined {
    return this.#byAppToken.get(token);
  }

  installationsOf(teamId: string): readonly Installation[] {
    return this.#byTeam.get(teamId) ?? [];
  }

  installation(appId: string, teamId: string): Installation | undefined {
    return this.installationsOf(teamId).find((one) => one.appId === appId);
  }

  channelsOf(teamId: string): Channel[] {
    return [...this.channels.values()].filter((channel) => channel.teamId === teamId);
  }

  usersOf(teamId: string): User[] {
    return [...this.users.values()].filter((user) => user.teamId === teamId);
  }

  /** The direct or group-direct channel of exactly these people, if it was opened before. */
  directChannel(userIds: readonly string[]): Channel | undefined {
    return this.#direct.get([...userIds].sort().join("+"));
  }

  rememberDirect(channel: Channel): void {
    this.#direct.set([...channel.members].sort().join("+"), channel);
  }

  /** The record with this id, or an error that names what a test got wrong. */
  need<T>(map: ReadonlyMap<string, T>, id: string): T {
    const found = map.get(id);
    if (found === undefined) throw new Error(`the Slack stand-in knows nothing by the id ${id}`);
    return found;
  }

  needMessage(channelId: string, ts: string): Message {
    const message = this.need(this.channels, channelId).byTs.get(ts);
    if (message === undefined || message.deleted === true) throw new Error(`no message ${ts} in ${channelId}`);
    return message;
  }
}
