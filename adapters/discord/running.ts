import type { InstallationHealth } from "../../src/contracts/adapter.ts";
import type { AdapterSink } from "../../src/contracts/adapter-sink.ts";
import { ParleyError, toParleyError } from "../../src/errors/parley-error.ts";
import { abortableSleep } from "../shared/abortable-sleep.ts";
import { CatchUp } from "./catch-up.ts";
import { DiscordClient } from "./client.ts";
import { registerCommands } from "./commands.ts";
import type { DiscordConfig } from "./config.ts";
import { askApplication, Gateway } from "./gateway.ts";
import { type BotIdentity, Guilds, type Space } from "./guilds.ts";
import { Ingress } from "./ingress.ts";
import { Intake } from "./intake.ts";
import { asId, asRecord, asString } from "./raw.ts";
import { Responder } from "./responder.ts";
import { Threads } from "./threads.ts";
import { Webhooks } from "./webhooks.ts";

/** How long the start waits for Discord's first answer, in ms; afterwards it goes on in the background. */
const START_WAIT_MS = 10_000;
const LEDGER_RETRY_MS = 2_000;

/** Everything that exists between `start` and `stop`. */
export class Running {
  readonly client: DiscordClient;
  readonly guilds: Guilds;
  readonly webhooks: Webhooks;
  readonly threads: Threads;
  readonly responder: Responder;
  readonly sink: AdapterSink;
  readonly #config: DiscordConfig;
  readonly #ending = new AbortController();
  readonly #ingress: Ingress;
  readonly #catchUp: CatchUp;
  #gateway: Gateway | undefined;
  #connecting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  /** The one line that says why nothing goes. */
  #fault: { readonly state: "failed" | "connecting"; readonly detail: string } | undefined;

  constructor(config: DiscordConfig, sink: AdapterSink) {
    this.#config = config;
    this.sink = sink;
    const ending = this.#ending.signal;
    this.client = new DiscordClient({
      apiUrl: config.apiUrl,
      token: config.botToken,
      timeoutMs: config.callTimeoutMs,
      pacing: config.pacing,
      onUnauthorized: (detail) => this.#unauthorized(detail),
    });
    this.guilds = new Guilds(config, sink, this.client);
    this.webhooks = new Webhooks(this.client, sink, () => this.guilds.bot.applicationId);
    this.responder = new Responder(this.client, sink);
    const intake = new Intake(sink, ending);
    const { client, guilds, responder } = this;
    this.#catchUp = new CatchUp({
      config,
      client,
      guilds,
      intake,
      logger: sink.logger,
      ending,
      onDone: () => this.#gateway?.positionsMayMove(),
    });
    this.#ingress = new Ingress({ config, sink, client, guilds, intake, catchUp: this.#catchUp, responder, ending });
    this.threads = new Threads(client, guilds, (messageId) => this.#ingress.excerpts.of(messageId));
  }

  /** Rejects only when the ledger cannot be read; what Discord does not let happen is said by `health`. */
  async start(): Promise<void> {
    await this.guilds.start();
    this.#connecting = this.#connectPatiently().catch((thrown: unknown) => {
      if (this.#ending.signal.aborted) return;
      const error = toParleyError(thrown);
      this.#fault ??= { state: "failed", detail: error.detail ?? error.code };
      if (error.code !== "PLATFORM_UNAUTHORIZED")
        this.sink.logger.error({ err: error }, "discord could not be connected");
    });
    const patience = Promise.withResolvers<void>();
    const timer = setTimeout(patience.resolve, START_WAIT_MS);
    await Promise.race([this.#connecting, patience.promise]);
    clearTimeout(timer);
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#gateway?.refuseNew();
    this.#ending.abort();
    await this.#connecting;
    this.#gateway?.refuseNew();
    await this.#ingress.drained();
    await this.#catchUp.drained();
    await this.responder.drained();
    await this.guilds.close();
    await this.#gateway?.stop();
    await this.client.close();
  }

  health(): readonly InstallationHealth[] {
    const rows = this.guilds.list().map((space) => healthOf(space, this.#connectionHealth(space)));
    if (rows.length > 0 || this.#fault === undefined) return rows;
    return [{ installationId: "discord:token", name: "guilds of the configured bot token", ...this.#fault }];
  }

  /** Without the ledger nothing can be taken: it is waited for. */
  async #connectPatiently(): Promise<void> {
    for (;;) {
      try {
        return await this.#connect();
      } catch (thrown) {
        const error = toParleyError(thrown);
        if (error.code !== "LEDGER_UNAVAILABLE" || this.#ending.signal.aborted) throw error;
        this.#fault = { state: "connecting", detail: error.detail ?? error.code };
        this.sink.logger.warn({ code: error.code }, "discord waits for the ledger");
        await abortableSleep(LEDGER_RETRY_MS, this.#ending.signal);
      }
    }
  }

  async #connect(): Promise<void> {
    const ending = this.#ending.signal;
    const application = await askApplication(this.client, ending, (error) => {
      this.#fault = { state: "connecting", detail: error.detail ?? error.code };
      this.sink.logger.warn({ code: error.code, detail: error.detail }, "discord cannot be reached yet");
    });
    const bot = botOf(application);
    const direct = await this.guilds.introduce(bot, asString(application["name"]) ?? bot.botName);
    this.#fault = undefined;
    if (!this.#config.receive || ending.aborted) return;
    await direct.cursors.load();
    this.#gateway = new Gateway({
      config: this.#config,
      sink: this.sink,
      client: this.client,
      ingress: this.#ingress,
      installationId: direct.record.installationId,
      isCatchingUp: () => this.#catchUp.isOpen,
      ending,
    });
    const gateway = this.#gateway;
    this.guilds.heardOf((guildId) => gateway.hears(guildId));
    void this.#registerCommands(direct, bot);
    await gateway.start();
  }

  async #registerCommands(direct: Space, bot: BotIdentity): Promise<void> {
    try {
      await registerCommands({
        client: this.client,
        state: this.sink.state,
        installationId: direct.record.installationId,
        applicationId: bot.applicationId,
        command: this.#config.command,
      });
    } catch (thrown) {
      const error = toParleyError(thrown);
      if (!this.#ending.signal.aborted)
        this.sink.logger.warn(
          { code: error.code, detail: error.detail },
          "discord's slash command could not be registered",
        );
    }
  }

  /** Of the one shard that hears of the guild; the others may be away meanwhile. */
  #connectionHealth({ guild }: Space): Pick<InstallationHealth, "state" | "detail"> {
    if (this.#fault !== undefined) return this.#fault;
    if (!this.#config.receive) return { state: "connected" };
    if (this.#gateway?.isPlanned !== true) return { state: "connecting" };
    const shard = this.#gateway.healthOf(guild?.id);
    if (shard === undefined || shard.state === "connected" || shard.state === "elsewhere")
      return { state: "connected" };
    return { state: shard.state, ...(shard.detail === undefined ? {} : { detail: shard.detail }) };
  }

  #unauthorized(detail: string): void {
    this.#fault = {
      state: "failed",
      detail: `${detail}: the bot token is refused; copy a new one into DISCORD_BOT_TOKEN`,
    };
    this.sink.logger.error({ detail }, "discord refuses the bot token: nothing more is tried with it");
  }
}

function botOf(application: Readonly<Record<string, unknown>>): BotIdentity {
  const applicationId = asId(application["id"]);
  const bot = asRecord(application["bot"]);
  const botUserId = asId(bot?.["id"]) ?? applicationId;
  if (applicationId === undefined || botUserId === undefined)
    throw new ParleyError("PLATFORM_UNAVAILABLE", {
      detail: "Discord's answer names no application",
      delivery: "not_sent",
    });
  return {
    applicationId,
    botUserId,
    botName: asString(bot?.["username"]) ?? asString(application["name"]) ?? "Parley",
  };
}

function healthOf(space: Space, connection: Pick<InstallationHealth, "state" | "detail">): InstallationHealth {
  const { record, lastEventAtMs } = space;
  const common = {
    installationId: record.installationId,
    name: record.name,
    ...(lastEventAtMs === undefined ? {} : { lastEventAt: new Date(lastEventAtMs).toISOString() }),
  };
  if (record.status !== "active") return { ...common, state: "paused", detail: "paused by an operator" };
  if (space.unavailable && connection.state === "connected")
    return { ...common, state: "connecting", detail: "Discord says that the guild is out of reach for the moment" };
  return { ...common, ...connection };
}
