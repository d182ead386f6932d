import type { AdapterSink, IngestOptions } from "../../src/contracts/adapter-sink.ts";
import { abortableSleep } from "../shared/abortable-sleep.ts";
import { BoundedMap } from "../shared/bounded-map.ts";
import { KeyedQueue } from "../shared/keyed-queue.ts";
import type { CatchUp } from "./catch-up.ts";
import type { DiscordClient } from "./client.ts";
import type { DiscordConfig } from "./config.ts";
import { channelsLeft, departedSpaces } from "./departed.ts";
import { Excerpts } from "./excerpts.ts";
import { applyChange } from "./guild-changes.ts";
import type { Guilds, Space } from "./guilds.ts";
import { ignored, malformed, type Translation } from "./inbound-context.ts";
import { isAboutSelf, translateVisibility } from "./inbound-guild.ts";
import { translateInteraction } from "./inbound-interaction.ts";
import { translateDeletions, translateEdit, translateMessage, translateReaction } from "./inbound-message.ts";
import type { Intake } from "./intake.ts";
import { learnPlace } from "./learn-place.ts";
import { usersIn } from "./people.ts";
import { asId, asList, asRecord, asString, type Raw } from "./raw.ts";
import type { Responder } from "./responder.ts";
import type { ReceivedDispatch } from "./shard-runner.ts";
import { msToSnowflake } from "./snowflakes.ts";
import { VisibleChannels } from "./visible-channels.ts";

const LOAD_RETRY_MS = [500, 1_000, 2_000, 5_000, 15_000] as const;
const LOAD_ATTEMPTS = 8;
const MAX_ASKED = 2_000;

export interface IngressTools {
  readonly config: DiscordConfig;
  readonly sink: AdapterSink;
  readonly client: DiscordClient;
  readonly guilds: Guilds;
  readonly intake: Intake;
  readonly catchUp: CatchUp;
  readonly responder: Responder;
  readonly ending: AbortSignal;
}

/**
 * Takes the gateway's events to the sink: in order within a guild, side by side between guilds.
 *
 * An event is `done` once all that it says is stored; until then the position in the stream stays before it.
 */
export class Ingress {
  readonly excerpts = new Excerpts();
  readonly #tools: IngressTools;
  readonly #order = new KeyedQueue();
  readonly #open = new Set<Promise<unknown>>();
  readonly #visible = new Map<string, VisibleChannels>();
  /** Places that were asked for lately. */
  readonly #asked = new BoundedMap<string, true>({ maxEntries: MAX_ASKED, ttlMs: 60_000 });
  /** Guilds of READY that have not been told of yet. */
  readonly #announced = new Set<string>();

  constructor(tools: IngressTools) {
    this.#tools = tools;
  }

  /** Guilds that a new session announced and that have not come yet. */
  get expectedGuilds(): number {
    return this.#announced.size;
  }

  dispatch(dispatch: ReceivedDispatch): void {
    const { data, type } = dispatch;
    const guildId = asId(data["guild_id"]) ?? (type.startsWith("GUILD_") ? asId(data["id"]) : undefined);
    this.#track(this.#order.run(guildId ?? `shard ${dispatch.shardId}`, () => this.#take(dispatch, guildId)));
  }

  unreadable(reason: string, frame: string, done: () => void): void {
    this.#track(this.#refuseFrame(reason, frame, done));
  }

  /** Resolves when nothing is being stored any more. */
  async drained(): Promise<void> {
    while (this.#open.size > 0) await Promise.allSettled(this.#open);
  }

  async #refuseFrame(reason: string, frame: string, done: () => void): Promise<void> {
    const { guilds, intake } = this.#tools;
    const raw = (): string => frame.slice(0, 65_536);
    if (await intake.refuse(guilds.application, "frame", malformed(reason), raw)) done();
  }

  #track(work: Promise<unknown>): void {
    const tracked: Promise<unknown> = work
      .catch((error: unknown) =>
        this.#tools.sink.logger.error({ err: error }, "an event of discord could not be taken"),
      )
      .finally(() => this.#open.delete(tracked));
    this.#open.add(tracked);
  }

  /** Resolves when the next event of the guild may be looked at; what is stored meanwhile is tracked by itself. */
  async #take(dispatch: ReceivedDispatch, guildId: string | undefined): Promise<void> {
    const { type } = dispatch;
    const { guilds } = this.#tools;
    if (type === "READY") return this.#ready(dispatch);
    if (type === "GUILD_CREATE") return this.#guildCreated(dispatch, guildId);
    if (type === "GUILD_DELETE") return this.#guildDeleted(dispatch, guildId);
    const space = guilds.find(guildId);
    if (space === undefined)
      return this.#finish(dispatch, undefined, [ignored("no installation of Parley in that guild")]);
    space.lastEventAtMs = Date.now();
    const found = await this.#prepare(space, dispatch);
    if (found === undefined) return;
    if (type === "INTERACTION_CREATE") return this.#interaction(dispatch, space, found);
    const translations = [...found, ...this.#guarded(() => this.#translate(dispatch, space))];
    this.#finish(
      dispatch,
      space,
      translations,
      translations.some(isAboutSelf) ? () => this.#keepVisible(space) : undefined,
    );
  }

  /**
   * After a resume nothing is known of the guild: it is read before its first event, and what the bot came to see or ceased to
   * see meanwhile is said first. Undefined when the adapter ends meanwhile.
   */
  async #prepare(space: Space, { data, deliveryKey }: ReceivedDispatch): Promise<readonly Translation[] | undefined> {
    const { ending } = this.#tools;
    const unread = space.guild !== undefined && space.loadedAtMs === undefined;
    await this.#load(space);
    if (ending.aborted) return undefined;
    for (const { user, member } of usersIn(data)) space.guild?.putMember(member, user);
    const interactor = asRecord(data["member"]);
    if (interactor?.["user"] !== undefined) space.guild?.putMember(interactor);
    const thread = asRecord(data["channel"]) ?? asRecord(data["thread"]);
    if (thread !== undefined && space.guild?.threads.has(String(thread["id"])) === false) space.guild.putThread(thread);
    await this.#learnPlace(space, asId(data["channel_id"]));
    return unread && space.loadedAtMs !== undefined ? this.#seenMeanwhile(space, deliveryKey) : [];
  }

  /** Something said in a place that nobody told of; asked for once in a while, because an event must not wait for it for long. */
  async #learnPlace({ guild }: Space, place: string | undefined): Promise<void> {
    if (guild === undefined || place === undefined || guild.nameOf(place) !== undefined) return;
    if (this.#asked.get(place)) return;
    this.#asked.set(place, true);
    await learnPlace(this.#tools.client, guild, place, this.#tools.ending).catch(() => undefined);
  }

  async #load(space: Space): Promise<void> {
    const { guilds, ending, sink } = this.#tools;
    for (let attempt = 0; attempt < LOAD_ATTEMPTS && !ending.aborted; attempt += 1) {
      try {
        await guilds.ensureLoaded(space, ending);
        await space.cursors.load();
        return;
      } catch (error) {
        if (ending.aborted) return;
        sink.logger.warn({ installationId: space.record.installationId, err: error }, "a guild could not be read");
        await abortableSleep(pauseAfter(attempt), ending).catch(() => undefined);
      }
    }
  }

  async #seenMeanwhile(space: Space, deliveryKey: string): Promise<readonly Translation[]> {
    const { guilds } = this.#tools;
    const { guild } = space;
    if (guild === undefined) return [];
    const { botUserId } = guilds.bot;
    const { gained, lost } = await this.#untilStored(() => this.#visibleOf(space).look(guild, botUserId));
    return translateVisibility({ memberId: botUserId, gained, lost }, guilds.contextFor(space, deliveryKey));
  }

  #translate(dispatch: ReceivedDispatch, space: Space): readonly Translation[] {
    const { type, data, deliveryKey } = dispatch;
    const direct = space.guild === undefined;
    const context = this.#tools.guilds.contextFor(space, deliveryKey);
    switch (type) {
      case "MESSAGE_CREATE":
        this.excerpts.note(data);
        return [translateMessage(data, context, direct)];
      case "MESSAGE_UPDATE":
        return [translateEdit(data, context, direct)];
      case "MESSAGE_DELETE":
      case "MESSAGE_DELETE_BULK":
        return translateDeletions(data, context, direct);
      case "MESSAGE_REACTION_ADD":
        return [translateReaction("reaction_added", data, context, direct)];
      case "MESSAGE_REACTION_REMOVE":
        return [translateReaction("reaction_removed", data, context, direct)];
      case "RESUMED":
        return [ignored("the session goes on")];
      default:
        return space.guild === undefined
          ? [ignored(`event type ${type.slice(0, 64)}`)]
          : applyChange(type, data, space.guild, context);
    }
  }

  #guarded(translate: () => readonly Translation[]): readonly Translation[] {
    try {
      return translate();
    } catch (error) {
      return [malformed(`translation failed: ${error instanceof Error ? error.name : "unknown"}`)];
    }
  }

  /** Begins to store what an event came to; the position moves on once all of it is. */
  #finish(
    dispatch: ReceivedDispatch,
    space: Space | undefined,
    translations: readonly Translation[],
    after?: () => Promise<void>,
    options?: IngestOptions,
  ): void {
    const { intake } = this.#tools;
    const message = dispatch.type === "MESSAGE_CREATE" ? messageOf(dispatch.data) : undefined;
    if (message !== undefined && space !== undefined) {
      this.#tools.catchUp.newDirect(space, message.channelId);
      space.cursors.began(message.channelId, message.messageId);
    }
    const stored = translations.map((translation) =>
      translation.outcome === "envelope"
        ? intake.store(translation.envelope, options)
        : intake.refuse(space, dispatch.type, translation, () =>
            JSON.stringify({ t: dispatch.type, d: dispatch.data }),
          ),
    );
    this.#track(
      Promise.all(stored).then(async (results) => {
        if (results.includes(false)) return;
        await after?.();
        dispatch.done();
        if (message !== undefined) space?.cursors.done(message.channelId, message.messageId);
      }),
    );
  }

  /** A new session: what the one before missed is read from history, in private from before the first new word there. */
  async #ready(dispatch: ReceivedDispatch): Promise<void> {
    const { guilds, catchUp } = this.#tools;
    for (const item of asList(dispatch.data["guilds"])) {
      const id = asId(asRecord(item)?.["id"]);
      if (id !== undefined) this.#announced.add(id);
    }
    const direct = guilds.application;
    // Direct messages are the first shard's alone; another one may run in a process of its own, and must not read their gaps as well.
    if (direct !== undefined && dispatch.shardId === 0) {
      await this.#untilStored(async () => {
        await direct.cursors.load();
        if (direct.cursors.baseline === undefined) await direct.cursors.begin(msToSnowflake(Date.now()));
      });
      catchUp.direct(direct);
    }
    const departed = await departedSpaces(this.#tools, dispatch.data);
    const left = await Promise.all(departed.map((space) => this.#depart(space, dispatch.deliveryKey)));
    this.#finish(dispatch, direct, [...left.flat(), ignored("a session began")], async () => {
      for (const space of departed) await this.#forgetVisible(space);
    });
  }

  async #guildCreated(dispatch: ReceivedDispatch, guildId: string | undefined): Promise<void> {
    const { guilds, catchUp } = this.#tools;
    const { data } = dispatch;
    if (guildId === undefined) return this.#finish(dispatch, undefined, [malformed("guild without an id")]);
    if (data["unavailable"] === true) {
      const known = guilds.find(guildId);
      if (known !== undefined) known.unavailable = true;
      return this.#finish(dispatch, known, [ignored("the guild is out of reach for the moment")]);
    }
    const { space } = await this.#untilStored(() => guilds.adopt(data, guildId));
    const { guild } = space;
    if (guild === undefined)
      return this.#finish(dispatch, space, [malformed("a guild with the id of the application")]);
    const { botUserId } = guilds.bot;
    const visible = this.#visibleOf(space);
    const seen = await this.#untilStored(() => visible.look(guild, botUserId));
    const context = guilds.contextFor(space, dispatch.deliveryKey);
    const changes = translateVisibility({ memberId: botUserId, gained: seen.gained, lost: seen.lost }, context);
    const first = space.cursors.baseline === undefined;
    if (first) await this.#untilStored(() => space.cursors.begin(msToSnowflake(Date.now())));
    // Held now, before later events of this guild are looked at: they must not move a cursor over the gap.
    catchUp.guild(space, { first, regained: new Set(seen.known ? seen.gained : []) });
    this.#finish(dispatch, space, changes.length > 0 ? changes : [ignored("a guild as it was")], async () => {
      await this.#keepVisible(space);
      this.#announced.delete(guildId);
    });
  }

  /** An outage is no departure: nothing ends, and nobody loses a right by it. */
  async #guildDeleted(dispatch: ReceivedDispatch, guildId: string | undefined): Promise<void> {
    const { guilds } = this.#tools;
    const space = guilds.find(guildId);
    if (guildId !== undefined) this.#announced.delete(guildId);
    if (space === undefined) return this.#finish(dispatch, undefined, [ignored("a guild that is not known")]);
    if (dispatch.data["unavailable"] === true) {
      space.unavailable = true;
      return this.#finish(dispatch, space, [ignored("the guild is out of reach for the moment")]);
    }
    const left = await this.#depart(space, dispatch.deliveryKey);
    this.#finish(dispatch, space, left.length > 0 ? left : [ignored("the bot left the guild")], () =>
      this.#forgetVisible(space),
    );
  }

  /** Ends an installation; gives what has to be said of its channels. */
  async #depart(space: Space, deliveryKey: string): Promise<readonly Translation[]> {
    const { guilds } = this.#tools;
    const seen = await this.#untilStored(() => this.#visibleOf(space).seen());
    const left = channelsLeft(space, seen, guilds.contextFor(space, deliveryKey));
    await this.#untilStored(() => guilds.remove(space, "the bot was removed from the guild"));
    return left;
  }

  async #forgetVisible(space: Space): Promise<void> {
    await this.#untilStored(() => this.#visibleOf(space).forget());
    this.#visible.delete(space.record.installationId);
  }

  #interaction(dispatch: ReceivedDispatch, space: Space, found: readonly Translation[]): void {
    const { guilds, config, responder, intake } = this.#tools;
    const { data } = dispatch;
    const context = guilds.contextFor(space, dispatch.deliveryKey);
    const waiting = { interactionId: asId(data["id"]) ?? "", token: asString(data["token"]) ?? "" };
    const [outcome] = this.#guardedInteraction(() => translateInteraction(data, context, config.command));
    if (outcome === undefined) return this.#finish(dispatch, space, [malformed("translation failed")]);
    switch (outcome.outcome) {
      case "open_form":
        this.#track(responder.openForm(space.record.installationId, waiting, outcome.inputId));
        return this.#finish(dispatch, space, [...found, ignored("a form is opened")]);
      case "suggest":
        this.#track(responder.suggest(waiting, outcome));
        return this.#finish(dispatch, space, [...found, ignored("agents are suggested")]);
      case "event": {
        const { envelope, acknowledge } = outcome;
        const expected = responder.expect(waiting.token);
        const asker = envelope.sender.name ?? "Somebody";
        const before = found.map((one) => (one.outcome === "envelope" ? intake.store(one.envelope) : true));
        const work = Promise.all([intake.store(envelope), ...before]).then(async (stored) => {
          if (stored.includes(false)) return;
          dispatch.done();
          await responder.acknowledge(waiting, acknowledge, asker);
        });
        return this.#track(work.finally(expected.settle));
      }
      default:
        return this.#finish(dispatch, space, [...found, outcome]);
    }
  }

  #guardedInteraction<Outcome>(translate: () => Outcome): readonly Outcome[] {
    try {
      return [translate()];
    } catch {
      return [];
    }
  }

  #visibleOf(space: Space): VisibleChannels {
    const { installationId } = space.record;
    let visible = this.#visible.get(installationId);
    if (visible === undefined) {
      visible = new VisibleChannels(this.#tools.sink.state, installationId);
      this.#visible.set(installationId, visible);
    }
    return visible;
  }

  /** What the bot could see when it was last heard of; a failure only means that it is told again. */
  async #keepVisible(space: Space): Promise<void> {
    const { guilds, sink } = this.#tools;
    if (space.guild === undefined) return;
    try {
      await this.#visibleOf(space).keep(space.guild, guilds.bot.botUserId);
    } catch (error) {
      sink.logger.warn(
        { installationId: space.record.installationId, err: error },
        "what the bot sees could not be kept",
      );
    }
  }

  /** Tries what needs the ledger until it is there; rejects when the adapter ends first. */
  async #untilStored<Result>(work: () => Promise<Result>): Promise<Result> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await work();
      } catch (error) {
        if (attempt === 0) this.#tools.sink.logger.warn({ err: error }, "a guild could not be stored; trying again");
        await abortableSleep(pauseAfter(attempt), this.#tools.ending);
      }
    }
  }
}

function pauseAfter(attempt: number): number {
  return LOAD_RETRY_MS[Math.min(attempt, LOAD_RETRY_MS.length - 1)] ?? 15_000;
}

function messageOf(data: Raw): { readonly channelId: string; readonly messageId: string } | undefined {
  const channelId = asId(data["channel_id"]);
  const messageId = asId(data["id"]);
  return channelId === undefined || messageId === undefined ? undefined : { channelId, messageId };
}
