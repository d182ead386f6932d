import type { AdapterSink, Installation } from "../../src/contracts/adapter-sink.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { agentIndex } from "../shared/agent-index.ts";
import { classOf } from "./access.ts";
import type { DiscordClient } from "./client.ts";
import type { DiscordConfig } from "./config.ts";
import { Cursors } from "./cursors.ts";
import { Guild, readMember } from "./guild.ts";
import { type InboundContext, newTraceId } from "./inbound-context.ts";
import { asList, asRecord, asString, type Raw } from "./raw.ts";
import { ROUTES } from "./routes.ts";

const PLATFORM = "discord";
/** Installs and departures that other processes saw are known within this time. */
const REFRESH_MS = 30_000;
const RELOAD_PAUSE_MS = 2_000;
/** How often it is looked whether a guild is back. */
const OUTAGE_RETRY_MS = 5_000;
/** How long what was read of a guild is believed where no gateway tells what changes. */
const GUILD_TTL_MS = 60_000;

/** Who the bot is. */
export interface BotIdentity {
  readonly applicationId: string;
  readonly botUserId: string;
  readonly botName: string;
}

/** One installation at run time: a guild, or the application with its direct messages. */
export interface Space {
  record: Installation;
  readonly externalId: string;
  /** Absent for direct messages. */
  readonly guild: Guild | undefined;
  readonly cursors: Cursors;
  /** When the guild was read or heard of as a whole; undefined before. */
  loadedAtMs: number | undefined;
  lastEventAtMs: number | undefined;
  /** Discord says that the guild is out of reach for the moment. */
  unavailable: boolean;
}

/** All installations of the platform as this process sees them. */
export class Guilds {
  readonly #config: DiscordConfig;
  readonly #sink: AdapterSink;
  readonly #client: DiscordClient;
  readonly #byInstallation = new Map<string, Space>();
  readonly #byExternal = new Map<string, Space>();
  readonly #loading = new Map<string, Promise<void>>();
  #isHeard: (guildId: string) => boolean = () => false;
  #bot: BotIdentity | undefined;
  #reloading: Promise<void> | undefined;
  #reloadedAtMs = 0;
  #refreshTimer: NodeJS.Timeout | undefined;

  constructor(config: DiscordConfig, sink: AdapterSink, client: DiscordClient) {
    this.#config = config;
    this.#sink = sink;
    this.#client = client;
  }

  /** Reads the ledger's installations. Rejects with LEDGER_UNAVAILABLE. */
  async start(): Promise<void> {
    await this.#reload();
    this.#refreshTimer = setInterval(() => {
      this.#reload().catch((error: unknown) =>
        this.#sink.logger.warn({ err: error }, "installations could not be read again"),
      );
    }, REFRESH_MS).unref();
  }

  async close(): Promise<void> {
    clearInterval(this.#refreshTimer);
    await Promise.all(this.list().map((space) => space.cursors.flush()));
    for (const space of this.list()) space.cursors.close();
  }

  /** Stores the installation of the direct messages; from now on it is known who the bot is. */
  async introduce(bot: BotIdentity, applicationName: string): Promise<Space> {
    this.#bot = bot;
    const { applicationId } = bot;
    const known = this.#byExternal.get(applicationId);
    // What is stored already stays as it is: saving it again would undo an operator's pause.
    if (known !== undefined && isSameBot(known.record, bot)) return known;
    const record = await this.#sink.installations.save({
      organizationId: this.#config.organizationId,
      platform: PLATFORM,
      externalId: applicationId,
      name: `${applicationName} (direct messages)`,
      settings: { ...bot },
      secrets: {},
    });
    return this.#put(record);
  }

  /** Throws PLATFORM_UNAVAILABLE before Discord said who the bot is. */
  get bot(): BotIdentity {
    const bot = this.#bot ?? this.#rememberedBot();
    if (bot === undefined)
      throw new ParleyError("PLATFORM_UNAVAILABLE", {
        detail: "Discord has not said yet who the bot is",
        delivery: "not_sent",
      });
    return bot;
  }

  get application(): Space | undefined {
    const bot = this.#bot ?? this.#rememberedBot();
    return bot === undefined ? undefined : this.#byExternal.get(bot.applicationId);
  }

  list(): readonly Space[] {
    return [...this.#byInstallation.values()];
  }

  /** The installation of a guild, or without one that of direct messages. */
  find(guildId: string | undefined): Space | undefined {
    return guildId === undefined ? this.application : this.#byExternal.get(guildId);
  }

  /** Guarantees the installation of a call, reading the ledger again when it is unknown. Throws CREDENTIAL_MISSING, PLATFORM_UNAUTHORIZED while it is paused. */
  async need(installationId: string): Promise<Space> {
    if (!this.#byInstallation.has(installationId)) {
      // What is being read just now, as at the start, may well name it.
      if (this.#reloading !== undefined || Date.now() - this.#reloadedAtMs >= RELOAD_PAUSE_MS) await this.#reload();
    }
    const found = this.#byInstallation.get(installationId);
    if (found?.record.status === "paused")
      throw new ParleyError("PLATFORM_UNAUTHORIZED", {
        detail: "the Discord installation is paused",
        facts: { installationId },
      });
    if (found !== undefined) return found;
    throw new ParleyError("CREDENTIAL_MISSING", {
      detail: "there is no such Discord installation, or the bot was removed from it",
      facts: { installationId },
    });
  }

  /** Throws PLATFORM_UNAVAILABLE while the guild is in an outage: what is to be said there is held, not tried. */
  requireReachable(installationId: string): void {
    const space = this.#byInstallation.get(installationId);
    if (space?.guild === undefined || !space.unavailable || !this.#isHeard(space.guild.id)) return;
    throw new ParleyError("PLATFORM_UNAVAILABLE", {
      detail: "Discord says that the guild is out of reach for the moment",
      retryAfterMs: OUTAGE_RETRY_MS,
      delivery: "not_sent",
    });
  }

  /** Takes a guild that the bot is in, as GUILD_CREATE tells it; `fresh` when it was not connected before. */
  async adopt(raw: Raw, guildId: string): Promise<{ readonly space: Space; readonly fresh: boolean }> {
    const known = this.#byExternal.get(guildId);
    const name = asString(raw["name"])?.slice(0, 256) ?? known?.record.name ?? guildId;
    // An operator's pause outlives reconnects; saving would end it.
    const unchanged = known !== undefined && (known.record.status === "paused" || known.record.name === name);
    const space = unchanged
      ? known
      : this.#put(
          await this.#sink.installations.save({
            organizationId: this.#config.organizationId,
            platform: PLATFORM,
            externalId: guildId,
            name,
            settings: {},
            secrets: {},
          }),
        );
    space.guild?.load(raw, true);
    space.loadedAtMs = Date.now();
    space.unavailable = false;
    await space.cursors.load();
    return { space, fresh: known === undefined };
  }

  /** Ends an installation: the bot is no member any more. */
  async remove(space: Space, reason: string): Promise<void> {
    await this.#sink.installations.setStatus(space.record.installationId, "removed", reason);
    this.#byInstallation.delete(space.record.installationId);
    this.#byExternal.delete(space.externalId);
    space.cursors.close();
    this.#sink.logger.warn({ installationId: space.record.installationId, reason }, "discord installation ended");
  }

  /** Says from now on of which guilds the gateway of this process tells every change. */
  heardOf(isHeard: (guildId: string) => boolean): void {
    this.#isHeard = isHeard;
  }

  /** Guarantees that the guild's channels and roles are known; they are read again where no gateway here keeps them true. */
  async ensureLoaded(space: Space, signal?: AbortSignal): Promise<void> {
    const { guild, loadedAtMs } = space;
    if (guild === undefined) return;
    const believed = loadedAtMs !== undefined && (this.#isHeard(guild.id) || Date.now() - loadedAtMs < GUILD_TTL_MS);
    if (believed) return;
    let loading = this.#loading.get(guild.id);
    if (loading === undefined) {
      loading = this.#read(space, guild, signal).finally(() => this.#loading.delete(guild.id));
      this.#loading.set(guild.id, loading);
    }
    await loading;
  }

  /** What translations may look at. */
  contextFor(space: Space, deliveryKey: string): InboundContext {
    const { record, guild } = space;
    const sink = this.#sink;
    const { applicationId, botUserId, botName } = this.bot;
    return {
      organizationId: record.organizationId,
      installationId: record.installationId,
      space: { id: space.externalId, name: guild?.name ?? record.name },
      applicationId,
      botUserId,
      botName,
      botRoleId: guild?.botRoleId,
      mentionsOnly: this.#config.messages === "mentions",
      agents: agentIndex(sink.agents(record.organizationId)),
      place: (channelId) => guild?.place(channelId),
      channelName: (channelId) => guild?.nameOf(channelId),
      roleName: (roleId) => guild?.roles.get(roleId)?.name,
      memberClass(userId, user, told) {
        // Of a direct message, all who can be in it are full members.
        if (guild === undefined) return "member";
        const member = readMember(told, user) ?? guild.member(userId);
        const found = member === undefined ? undefined : classOf(guild, member);
        return found === "bot" || found === "agent" ? undefined : found;
      },
      person: (userId) => guild?.member(userId)?.person,
      deliveryKey,
      newTraceId,
      nowMs: Date.now,
    };
  }

  async #read(space: Space, guild: Guild, signal: AbortSignal | undefined): Promise<void> {
    const client = this.#client;
    const [head, channels, threads, self] = await Promise.all([
      client.call({ route: ROUTES.guild(guild.id), signal }),
      client.call({ route: ROUTES.guildChannels(guild.id), signal }),
      client.call({ route: ROUTES.activeThreads(guild.id), signal }),
      client.call({ route: ROUTES.guildMember(guild.id, this.bot.botUserId), signal }),
    ]);
    const whole = { ...asRecord(head), channels: asList(channels), threads: asList(asRecord(threads)?.["threads"]) };
    guild.load({ ...whole, members: [self] }, false);
    space.loadedAtMs = Date.now();
  }

  #put(record: Installation): Space {
    const known = this.#byInstallation.get(record.installationId);
    if (known !== undefined) {
      known.record = record;
      return known;
    }
    const direct = record.settings["applicationId"] !== undefined;
    const botUserId = this.#bot?.botUserId ?? this.#rememberedBot()?.botUserId ?? "0";
    const space: Space = {
      record,
      externalId: record.externalId,
      guild: direct ? undefined : new Guild(record.externalId, { botUserId, memberEvents: this.#config.memberEvents }),
      cursors: new Cursors(this.#sink.state, record.installationId, this.#sink.logger),
      loadedAtMs: undefined,
      lastEventAtMs: undefined,
      unavailable: false,
    };
    this.#byInstallation.set(record.installationId, space);
    this.#byExternal.set(record.externalId, space);
    return space;
  }

  #reload(): Promise<void> {
    this.#reloading ??= this.#readAll().finally(() => {
      this.#reloading = undefined;
    });
    return this.#reloading;
  }

  async #readAll(): Promise<void> {
    this.#reloadedAtMs = Date.now();
    const records = await this.#sink.installations.list(PLATFORM);
    // Who the bot is stands with the direct messages; the guilds need to know it.
    const direct = records.toSorted((a, b) => Object.keys(b.settings).length - Object.keys(a.settings).length);
    for (const record of direct) {
      if (record.status !== "removed") this.#put(record);
      else {
        this.#byInstallation.delete(record.installationId);
        this.#byExternal.delete(record.externalId);
      }
    }
  }

  #rememberedBot(): BotIdentity | undefined {
    for (const { record } of this.#byInstallation.values()) {
      const applicationId = asString(record.settings["applicationId"]);
      const botUserId = asString(record.settings["botUserId"]);
      const botName = asString(record.settings["botName"]);
      if (applicationId !== undefined && botUserId !== undefined && botName !== undefined)
        return { applicationId, botUserId, botName };
    }
    return undefined;
  }
}

function isSameBot({ settings }: Installation, bot: BotIdentity): boolean {
  return (
    settings["applicationId"] === bot.applicationId &&
    settings["botUserId"] === bot.botUserId &&
    settings["botName"] === bot.botName
  );
}
