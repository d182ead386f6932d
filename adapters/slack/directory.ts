import type { MemberClass } from "../../src/contracts/access.ts";
import { BoundedMap } from "../shared/bounded-map.ts";
import { SendLimiter } from "../shared/send-limiter.ts";
import type { WebClient } from "./client-sdk.ts";
import type { ChannelFacts, PersonFacts } from "./inbound-context.ts";
import { RATE_RULES } from "./rate-rules.ts";
import { asId, asList, asRecord, asString, type Raw } from "./raw.ts";

const MAX_ENTRIES = 20_000;
const PERSON_TTL_MS = 60 * 60_000;
/** Somebody's class decides who may read what, and is not believed for longer. */
const CONFIRMED_TTL_MS = 60_000;
/** Short, because a channel that turns private must not be taken for public for long. */
const CHANNEL_TTL_MS = 10 * 60_000;
const MISS_TTL_MS = 60_000;
const MAX_WAITING_LOOKUPS = 1_000;
const LOOKUP_PAUSE_MS = 700;
/** Longest time an event waits for the name of its channel, or for what its sender is; Slack wants its answer within 3 s. */
const WAIT_MS = 800;
/** How old what is known of somebody may be before it is looked up again behind the event's back, in ms. */
const PERSON_FRESH_MS = 10 * 60_000;
const PEOPLE_PAGE_SIZE = 1_000;
const MAX_PEOPLE_PAGES = 10;

interface TokenState {
  /** False when Slack refused the token: then nothing is looked up. */
  readonly isUsable: () => boolean;
  /** Told of every failed look-up. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * Names of people and channels of one workspace, from memory.
 *
 * People are looked up before their first event, because what they are decides what they may do; channels before the first event of each, because
 * agents are bound to channels by name. Both waits are short and bounded: what is not known by then, the event goes without.
 */
export class Directory {
  readonly #web: WebClient;
  readonly #people = new BoundedMap<string, PersonFacts>({ maxEntries: MAX_ENTRIES, ttlMs: PERSON_TTL_MS });
  readonly #confirmed = new BoundedMap<string, true>({ maxEntries: MAX_ENTRIES, ttlMs: CONFIRMED_TTL_MS });
  readonly #fresh = new BoundedMap<string, true>({ maxEntries: MAX_ENTRIES, ttlMs: PERSON_FRESH_MS });
  readonly #channels = new BoundedMap<string, ChannelFacts>({ maxEntries: MAX_ENTRIES, ttlMs: CHANNEL_TTL_MS });
  readonly #misses = new BoundedMap<string, true>({ maxEntries: MAX_ENTRIES, ttlMs: MISS_TTL_MS });
  readonly #waiting = new Set<string>();
  readonly #channelLookups = new Map<string, Promise<void>>();
  readonly #personLookups = new Map<string, Promise<void>>();
  /** Look-ups keep to Slack's rates even when writes are not paced. */
  readonly #limiter = new SendLimiter({ rules: RATE_RULES, pacing: true });
  readonly #homeTeamId: string;
  readonly #token: TokenState;
  #pauseTimer: NodeJS.Timeout | undefined;
  #lookingUp = false;
  #closed = false;

  constructor(web: WebClient, homeTeamId: string, token: TokenState) {
    this.#web = web;
    this.#homeTeamId = homeTeamId;
    this.#token = token;
  }

  knownPerson(userId: string): PersonFacts | undefined {
    return this.#people.get(userId);
  }

  /** Like `knownPerson`, of somebody of whom Slack told in the last minute: what somebody is may have changed since. */
  confirmedPerson(userId: string): PersonFacts | undefined {
    return this.#confirmed.get(userId) === true ? this.#people.get(userId) : undefined;
  }

  /** Like `knownPerson`; somebody unknown is looked up for the next time. */
  person(userId: string): PersonFacts | undefined {
    const known = this.#people.get(userId);
    if (known === undefined) this.#lookUpLater(userId);
    return known;
  }

  /** Notes a user object, from an event or a list. */
  notePerson(user: Raw): PersonFacts | undefined {
    const id = asId(user["id"]);
    if (id === undefined) return undefined;
    const facts = personFacts(user, this.#homeTeamId);
    this.#people.set(id, facts);
    this.#confirmed.set(id, true);
    this.#fresh.set(id, true);
    return facts;
  }

  /** Resolves when it is known what somebody is, or when waiting longer would endanger the answer to Slack. Never rejects. */
  async ensurePerson(userId: string): Promise<void> {
    if (this.#people.get(userId) !== undefined) {
      if (this.#fresh.get(userId) === undefined) this.#lookUpLater(userId);
      return;
    }
    if (this.#misses.get(userId)) return;
    const running = this.#personLookups.get(userId);
    if (running !== undefined) return running;
    if (!this.#token.isUsable()) return;
    if (!this.#limiter.tryAcquire({ installationId: "", method: "users.info" })) return this.#lookUpLater(userId);
    const lookup = withTimeout(this.#fetchPerson(userId), WAIT_MS).finally(() => this.#personLookups.delete(userId));
    this.#personLookups.set(userId, lookup);
    return lookup;
  }

  /** Learns the people of the workspace, a thousand per call; in one of more than 10,000, the rest is looked up one by one. Never rejects. */
  async learnPeople(): Promise<void> {
    try {
      let cursor = "";
      for (let page = 0; page < MAX_PEOPLE_PAGES && !this.#closed && this.#token.isUsable(); page++) {
        const answer = await this.#web.users.list({ limit: PEOPLE_PAGE_SIZE, ...(cursor === "" ? {} : { cursor }) });
        for (const member of answer.members ?? []) {
          const user = asRecord(member);
          if (user !== undefined) this.notePerson(user);
        }
        cursor = answer.response_metadata?.next_cursor ?? "";
        if (cursor === "") return;
      }
    } catch (error) {
      this.#token.onFailure(error);
      // The look-up of each single person remains.
    }
  }

  channel(channelId: string): ChannelFacts | undefined {
    return this.#channels.get(channelId);
  }

  #noteChannel(channelId: string, facts: ChannelFacts): void {
    const known = this.#channels.get(channelId);
    const name = facts.name ?? known?.name;
    this.#channels.set(channelId, {
      kind: facts.kind,
      external: facts.external,
      ...(name === undefined ? {} : { name }),
    });
  }

  /** Corrects what is known of a channel; what is not known yet will be read as it is by then. */
  changeChannel(
    channelId: string,
    change: { readonly [Fact in keyof ChannelFacts]?: ChannelFacts[Fact] | undefined },
  ): void {
    const known = this.#channels.get(channelId);
    if (known === undefined) return;
    const name = change.name ?? known.name;
    const facts = { kind: change.kind ?? known.kind, external: change.external ?? known.external };
    this.#channels.set(channelId, { ...facts, ...(name === undefined ? {} : { name }) });
  }

  /** Resolves when the channel is known, or when waiting longer would endanger the answer to Slack. Never rejects. */
  async ensureChannel(channelId: string): Promise<void> {
    if (this.#channels.get(channelId)?.name !== undefined || channelId.startsWith("D") || this.#misses.get(channelId))
      return;
    const running = this.#channelLookups.get(channelId);
    if (running !== undefined) return running;
    if (!this.#token.isUsable()) return;
    if (!this.#limiter.tryAcquire({ installationId: "", method: "conversations.info" })) return;
    const lookup = withTimeout(this.#fetchChannel(channelId), WAIT_MS).finally(() =>
      this.#channelLookups.delete(channelId),
    );
    this.#channelLookups.set(channelId, lookup);
    return lookup;
  }

  /** Learns all channels that the bot is a member of, a thousand per call. Never rejects. */
  async learnChannels(): Promise<void> {
    try {
      let cursor = "";
      for (let page = 0; page < 20 && !this.#closed && this.#token.isUsable(); page++) {
        const answer = await this.#web.users.conversations({
          limit: 999,
          types: "public_channel,private_channel,mpim",
          exclude_archived: true,
          ...(cursor === "" ? {} : { cursor }),
        });
        for (const channel of answer.channels ?? []) this.#noteChannelObject(asRecord(channel));
        cursor = answer.response_metadata?.next_cursor ?? "";
        if (cursor === "") return;
      }
    } catch (error) {
      this.#token.onFailure(error);
      // The look-up of each single channel remains.
    }
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#pauseTimer);
    this.#waiting.clear();
  }

  async #fetchChannel(channelId: string): Promise<void> {
    try {
      const answer = await this.#web.conversations.info({ channel: channelId });
      this.#noteChannelObject(asRecord(answer.channel));
    } catch (error) {
      this.#token.onFailure(error);
      // Not to be known now; see below.
    }
    if (this.#channels.get(channelId)?.name === undefined) this.#misses.set(channelId, true);
  }

  #noteChannelObject(channel: Raw | undefined): void {
    const id = asId(channel?.["id"]);
    if (channel === undefined || id === undefined) return;
    const name = asString(channel["name"])?.slice(0, 256);
    const kind =
      channel["is_im"] === true
        ? "direct"
        : channel["is_mpim"] === true
          ? "group_direct"
          : channel["is_private"] === true || channel["is_group"] === true
            ? "private"
            : "public";
    this.#noteChannel(id, {
      kind,
      external: channel["is_ext_shared"] === true,
      ...(name === undefined ? {} : { name }),
    });
  }

  async #fetchPerson(userId: string): Promise<void> {
    try {
      const user = asRecord((await this.#web.users.info({ user: userId })).user);
      if (user === undefined || this.notePerson(user) === undefined) this.#misses.set(userId, true);
    } catch (error) {
      this.#token.onFailure(error);
      this.#misses.set(userId, true);
    }
  }

  #lookUpLater(userId: string): void {
    if (
      this.#closed ||
      !this.#token.isUsable() ||
      this.#waiting.size >= MAX_WAITING_LOOKUPS ||
      this.#misses.get(userId)
    )
      return;
    this.#waiting.add(userId);
    if (this.#lookingUp) return;
    this.#lookingUp = true;
    void this.#lookUpWaiting();
  }

  /** One by one, at the rate Slack allows for looking up people. Never rejects. */
  async #lookUpWaiting(): Promise<void> {
    for (const userId of this.#waiting) {
      if (this.#closed) break;
      if (!this.#token.isUsable()) {
        this.#waiting.clear();
        break;
      }
      await this.#fetchPerson(userId);
      // Only now: while it was looked up, it was not to be asked for again.
      this.#waiting.delete(userId);
      await new Promise<void>((resolve) => {
        this.#pauseTimer = setTimeout(resolve, LOOKUP_PAUSE_MS).unref();
      });
    }
    this.#lookingUp = false;
  }
}

/** Guests are people with a restricted account, of another workspace, or unknown to this one. */
export function personFacts(user: Raw, homeTeamId: string): PersonFacts {
  const profile = asRecord(user["profile"]);
  const name =
    asString(profile?.["display_name"]) ??
    asString(user["real_name"]) ??
    asString(profile?.["real_name"]) ??
    asString(user["name"]) ??
    asId(user["id"]) ??
    "unknown";
  const teamId = asId(user["team_id"]);
  const enterpriseTeams = asList(asRecord(user["enterprise_user"])?.["teams"]);
  const foreign =
    teamId !== undefined &&
    teamId !== homeTeamId &&
    teamId.startsWith("T") &&
    homeTeamId.startsWith("T") &&
    !enterpriseTeams.includes(homeTeamId);
  const avatarUrl = asString(profile?.["image_72"]);
  const isBot = user["is_bot"] === true || user["id"] === "USLACKBOT";
  const memberClass = isBot ? "bot" : user["is_stranger"] === true || foreign ? "external" : classAtHome(user);
  return {
    name: name.slice(0, 256),
    kind: isBot ? "bot" : memberClass === "guest" || memberClass === "external" ? "external_guest" : "human",
    memberClass,
    ...(avatarUrl === undefined || avatarUrl.length > 2048 ? {} : { avatarUrl }),
  };
}

function classAtHome(user: Raw): MemberClass {
  if (user["is_restricted"] === true || user["is_ultra_restricted"] === true) return "guest";
  const governs = ["is_admin", "is_owner", "is_primary_owner"].some((flag) => user[flag] === true);
  return governs ? "admin" : "member";
}

function withTimeout(work: Promise<void>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  return Promise.race([work, timeout]).finally(() => clearTimeout(timer));
}
