import type { MemberClass } from "../contracts/access.ts";
import type { ChatAdapter, Target } from "../contracts/adapter.ts";
import type { Logger } from "../contracts/logger.ts";
import type { ConversationPath } from "../envelope/conversation.ts";
import type { Database } from "../ledger/connection/database.ts";
import {
  type MirroredMember,
  type MirroredRoster,
  type MirrorPlace,
  platformOf,
  readMember,
  readRoster,
  type StoppedTurns,
  storeMember,
  storeRoster,
} from "../ledger/member-mirror.ts";
import type { Audience } from "./audience.ts";
import { createFactQuestions } from "./fact-questions.ts";

/** A conversation about which something is asked. */
export interface FactPlace {
  readonly organizationId: string;
  readonly installationId: string;
  readonly path: ConversationPath;
}

export interface MemberQuestion extends FactPlace {
  readonly personId: string;
  /** Oldest answer that will do, in ms. Default 60,000. */
  readonly maxAgeMs?: number;
}

/** What is known of somebody in a conversation. */
export interface MemberFact {
  /** `unknown` where it could not be found out; it counts as `out`. */
  readonly membership: "in" | "out" | "unknown";
  /** `external` where nothing is known. */
  readonly memberClass: MemberClass;
  /** How old the fact is, in ms; 0 when unknown. */
  readonly ageMs: number;
  /** Where it is from: `mirror_event`, `mirror_fetch`, the platform's own rule (`member`, `timeout`, `not_in_thread` …), or why it is unknown. */
  readonly rule: string;
}

export interface ReadableMessages {
  /** Ids of those among the asked that the person could read when the platform shows them the conversation; what is not known is not among them. */
  readonly readable: ReadonlySet<string>;
  /** The rule that left out the others, or `all_readable`. */
  readonly rule: string;
}

/**
 * The facts that decisions across conversations rest on: from the mirror while they are young, else from the platform.
 *
 * Never throws; what cannot be found out in time is unknown. Concurrent questions about the same share one fetch.
 */
export interface MemberFacts {
  of(question: MemberQuestion): Promise<MemberFact>;
  /** Who can read a conversation now, from a list of at most 60 s; a private thread has its own readers. */
  audienceOf(place: FactPlace): Promise<Audience>;
  /** Which messages of a conversation somebody who is in it could read, as the platform judges each: who joined later may see less. */
  couldRead(
    question: FactPlace & { readonly personId: string; readonly messageIds: readonly string[] },
  ): Promise<ReadableMessages>;
  /** Whether the installation's own identity is in the conversation's channel, asked now; undefined when that cannot be found out. */
  isPresent(place: FactPlace): Promise<boolean | undefined>;
  /** Fetches the list of a conversation's members and stores it; false when that cannot be done now. */
  load(place: FactPlace): Promise<boolean>;
  /** Stops asking platforms and waits for what is being stored. */
  close(): Promise<void>;
}

export interface MemberFactsOptions {
  readonly database: Database;
  /** Undefined for a platform that is not set up in this process. */
  readonly adapter: (platform: string) => ChatAdapter | undefined;
  readonly logger: Logger;
  /** Called with the turns that ended because somebody was found to have left. */
  readonly onEndedAccess: (turns: StoppedTurns) => void;
}

/** Oldest fact that decides anything across conversations, in ms. */
const MAX_FACT_AGE_MS = 60_000;
const CHECK_TIMEOUT_MS = 5_000;
const LIST_TIMEOUT_MS = 20_000;

/** A place with the adapter that can be asked about it. */
interface Asked {
  readonly place: MirrorPlace;
  readonly adapter: ChatAdapter;
  readonly target: Target;
}

export function createMemberFacts({ database, adapter, logger, onEndedAccess }: MemberFactsOptions): MemberFacts {
  const platforms = new Map<string, string>();
  const questions = createFactQuestions((error) =>
    logger.info({ code: error.code, detail: error.detail }, "a fact about members could not be found out"),
  );

  async function resolve({ organizationId, installationId, path }: FactPlace): Promise<Asked | undefined> {
    const key = JSON.stringify([organizationId, installationId]);
    const platform = platforms.get(key) ?? (await platformOf(database, organizationId, installationId));
    if (platform === undefined) return undefined;
    platforms.set(key, platform);
    const found = adapter(platform);
    if (found === undefined) return undefined;
    const threadId = found.features.members?.threadsApart === true ? path.thread?.id : undefined;
    return {
      place: { organizationId, installationId, channelId: path.channel.id, threadId },
      adapter: found,
      target: { organizationId, installationId, conversation: path },
    };
  }

  const keyOf = (what: string, { place }: Asked, more = ""): string =>
    JSON.stringify([what, place.installationId, place.channelId, place.threadId ?? "", more]);

  /** True once a list is stored that was begun after this call. */
  async function refetch(asked: Asked): Promise<boolean> {
    const { place, adapter, target } = asked;
    const askedAtMs = performance.now();
    const { members } = adapter.features;
    if (members === undefined) return false;
    const stored = await questions.ask({
      installationId: place.installationId,
      key: keyOf("list", asked),
      timeoutMs: LIST_TIMEOUT_MS,
      run: async (signal) => {
        const { now: begunAt, rosterAgeMs } = await readMember(database, place, "");
        // Somebody else's answer came while this question was on its way.
        if (rosterAgeMs !== null && rosterAgeMs < performance.now() - askedAtMs) return true;
        const [listed, reach] = await Promise.all([
          members.list(target, signal),
          members.reach?.(target, signal) ?? reachOf(target.conversation),
        ]);
        onEndedAccess(
          await database.transaction((tx) => storeRoster(tx, place, { begunAt, members: listed, ...reach })),
        );
        return true;
      },
    });
    return stored === true;
  }

  /** What the platform itself says of one person now. */
  async function check(asked: Asked, personId: string): Promise<MemberFact | undefined> {
    const { place, adapter, target } = asked;
    const { access } = adapter.features;
    if (access === undefined) return undefined;
    const askedAtMs = performance.now();
    return await questions.ask({
      installationId: place.installationId,
      key: keyOf("member", asked, personId),
      timeoutMs: CHECK_TIMEOUT_MS,
      run: async (signal): Promise<MemberFact> => {
        const mirrored = await readMember(database, place, personId);
        const known = fromMirror(mirrored, performance.now() - askedAtMs);
        if (known !== undefined) return known;
        const begunAt = mirrored.now;
        const { read, rule, memberClass } = await access.check({ target, memberId: personId, signal });
        if (!read && rule === "unknown") return unknown("unknown");
        // What all the world can read makes nobody a member.
        const isIn = read && rule !== "world_readable";
        const fetched = { memberId: personId, isIn, memberClass, begunAt };
        onEndedAccess(await database.transaction((tx) => storeMember(tx, place, fetched)));
        return { membership: isIn ? "in" : "out", memberClass, ageMs: 0, rule };
      },
    });
  }

  async function of(question: MemberQuestion): Promise<MemberFact> {
    const { personId, maxAgeMs = MAX_FACT_AGE_MS } = question;
    const asked = await resolve(question);
    if (asked === undefined) return unknown("no_adapter");
    const known = fromMirror(await readMember(database, asked.place, personId), maxAgeMs);
    if (known !== undefined) return known;
    if (asked.adapter.features.access !== undefined) return (await check(asked, personId)) ?? unknown("unknown");
    if (!(await refetch(asked))) return unknown("unknown");
    return fromMirror(await readMember(database, asked.place, personId), LIST_TIMEOUT_MS) ?? unknown("unknown");
  }

  async function audienceOf(question: FactPlace): Promise<Audience> {
    const asked = await resolve(question);
    if (asked === undefined) return nobodyKnows(question);
    let roster = await readRoster(database, asked.place);
    // Somebody of whom only an event told may be a guest: the platform says who is what before anything rests on it.
    const isHinted = roster.members.some(({ asked: isAsked }) => !isAsked);
    if (roster.rosterAgeMs === null || roster.rosterAgeMs > MAX_FACT_AGE_MS || isHinted) {
      if (!(await refetch(asked))) return nobodyKnows(question);
      roster = await readRoster(database, asked.place);
    }
    // A channel of which nothing was ever heard has no mirror to keep the list in.
    if (roster.rosterAgeMs === null) return nobodyKnows(question);
    const outsiders = roster.members.filter(isOutsider);
    return {
      conversation: conversationOf(question),
      readers: new Set(roster.members.map(({ id }) => id)),
      openToMembers: roster.openToMembers === true,
      outsiders: new Set(outsiders.map(({ id }) => id)),
      complete: roster.complete === true,
    };
  }

  async function couldRead(question: Parameters<MemberFacts["couldRead"]>[0]): Promise<ReadableMessages> {
    const { personId, messageIds } = question;
    const nothing = (rule: string): ReadableMessages => ({ readable: new Set(), rule });
    const asked = await resolve(question);
    if (asked === undefined) return nothing("no_adapter");
    const fact = await of(question);
    if (fact.membership !== "in") return nothing(fact.membership === "out" ? "not_a_member" : "membership_unknown");
    const { access } = asked.adapter.features;
    if (access?.couldRead === undefined) return { readable: new Set(messageIds), rule: "all_readable" };
    const { target, place } = asked;
    const readers = await questions.ask({
      installationId: place.installationId,
      key: keyOf("past", asked, JSON.stringify([personId, ...messageIds])),
      timeoutMs: LIST_TIMEOUT_MS,
      run: async (signal) => await access.couldRead?.({ target, memberIds: [personId], messageIds, signal }),
    });
    if (readers === undefined) return nothing("unknown");
    const readable = new Set(messageIds.filter((id) => readers.get(id)?.has(personId) === true));
    return { readable, rule: readable.size === new Set(messageIds).size ? "all_readable" : "not_visible_then" };
  }

  async function isPresent(question: FactPlace): Promise<boolean | undefined> {
    const asked = await resolve(question);
    const members = asked?.adapter.features.members;
    if (asked === undefined || members === undefined) return undefined;
    return await questions.ask({
      installationId: asked.place.installationId,
      key: keyOf("present", asked),
      timeoutMs: CHECK_TIMEOUT_MS,
      run: (signal) => members.present(asked.target, signal),
    });
  }

  return {
    of: (question) => of(question).catch(() => unknown("ledger_unavailable")),
    audienceOf: (place) => audienceOf(place).catch(() => nobodyKnows(place)),
    couldRead: (question) =>
      couldRead(question).catch(() => ({ readable: new Set<string>(), rule: "ledger_unavailable" })),
    isPresent: (place) => isPresent(place).catch(() => undefined),
    load: async (place) => {
      const asked = await resolve(place).catch(() => undefined);
      return asked !== undefined && (await refetch(asked));
    },
    close: () => questions.close(),
  };
}

/** What the mirror says, if it was told so recently enough; a class that only an event hints at is no answer. */
function fromMirror(mirrored: MirroredMember, maxAgeMs: number): MemberFact | undefined {
  const { state, memberClass, source, asked, ageMs, rosterAgeMs } = mirrored;
  if (state === null || memberClass === null || ageMs === null) {
    if (rosterAgeMs === null || rosterAgeMs > maxAgeMs) return undefined;
    return { membership: "out", memberClass: "external", ageMs: rosterAgeMs, rule: "mirror_fetch" };
  }
  if (ageMs > maxAgeMs || (state === "joined" && !asked)) return undefined;
  return { membership: state === "joined" ? "in" : "out", memberClass, ageMs, rule: `mirror_${source ?? "fetch"}` };
}

/** Whoever came while the list was fetched counts as an outsider; bots and webhooks that speak are often on no list, and read nothing. */
function isOutsider({ memberClass, asked }: MirroredRoster["members"][number]): boolean {
  if (memberClass === "guest" || memberClass === "external") return true;
  return !asked && memberClass !== "bot" && memberClass !== "agent";
}

function conversationOf({ organizationId, installationId, path }: FactPlace): Audience["conversation"] {
  return { organizationId, installationId, channelId: path.channel.id, threadId: path.thread?.id ?? "" };
}

function nobodyKnows(place: FactPlace): Audience {
  const conversation = conversationOf(place);
  return { conversation, readers: undefined, openToMembers: false, outsiders: new Set(), complete: false };
}

function unknown(rule: string): MemberFact {
  return { membership: "unknown", memberClass: "external", ageMs: 0, rule };
}

/** Of whom a public channel of another organization's people is read, nobody here knows. */
function reachOf({ channel }: ConversationPath): { openToMembers: boolean; complete: boolean } {
  const openToMembers = channel.kind === "public";
  return { openToMembers, complete: !(openToMembers && channel.external) };
}
