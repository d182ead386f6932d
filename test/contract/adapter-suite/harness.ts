import type { ChatAdapter, Target } from "../../../src/contracts/adapter.ts";
import type { AdapterFeatures } from "../../../src/contracts/adapter-features.ts";
import type { PlatformEventKind as EventKind } from "../../../src/envelope/envelope.ts";
import type { DeliveryCertainty, ErrorCode } from "../../../src/errors/codes.ts";
import type { LossSample } from "./loss-samples.ts";
import type { RecordingSink } from "./recording-sink.ts";

/** What a test lets happen to the next message that is written to a conversation, and what the adapter has to say of it. */
export const FAILURES = {
  /** Nobody listens at the platform's address. */
  unreachable: { code: "PLATFORM_UNAVAILABLE", delivery: "not_sent" },
  rate_limited: { code: "PLATFORM_RATE_LIMITED", delivery: "not_sent" },
  refused_token: { code: "PLATFORM_UNAUTHORIZED", delivery: "not_sent" },
  forbidden: { code: "PLATFORM_FORBIDDEN", delivery: "not_sent" },
  /** The conversation is archived or deleted. */
  gone: { code: "TARGET_NOT_FOUND", delivery: "not_sent" },
  /** The platform finds fault with what the message holds. */
  rejected: { code: "CONTENT_REJECTED", delivery: "not_sent" },
  /** The call gets lost on its way there. */
  lost_before: { code: "PLATFORM_OUTCOME_UNKNOWN", delivery: "unknown" },
  /** The message is written, and the answer gets lost on its way back. */
  lost_after: { code: "PLATFORM_OUTCOME_UNKNOWN", delivery: "unknown" },
  /** The connection is lost after the write and before its commit. */
  lost_midway: { code: "PLATFORM_UNAVAILABLE", delivery: "not_sent" },
  /** The platform fails with an error of its own, and does not say before or after what. */
  error_before: { code: "PLATFORM_OUTCOME_UNKNOWN", delivery: "unknown" },
  error_after: { code: "PLATFORM_OUTCOME_UNKNOWN", delivery: "unknown" },
  cut_answer: { code: "PLATFORM_OUTCOME_UNKNOWN", delivery: "unknown" },
  /** Something other than the platform answers. */
  foreign_answer: { code: "PLATFORM_OUTCOME_UNKNOWN", delivery: "unknown" },
  /** No answer, and the call is never carried out. */
  silent_before: { code: "PLATFORM_OUTCOME_UNKNOWN", delivery: "unknown" },
  /** No answer, but the message is written. */
  silent_after: { code: "PLATFORM_OUTCOME_UNKNOWN", delivery: "unknown" },
} as const satisfies Record<string, { code: ErrorCode; delivery: DeliveryCertainty }>;

export type FailureMode = keyof typeof FAILURES;
export type FeatureName = keyof AdapterFeatures;

/** The pause that a rate limit of the harness names, in ms; a write elsewhere has to be far quicker, on a busy machine too. */
export const RATE_LIMIT_PAUSE_MS = 2_000;

/** What became of one delivery of the platform to the adapter. */
export type Answer = "acknowledged" | "refused";

/** Something that happened on the platform and that the adapter is told of. */
export interface Inbound {
  readonly channelId: string;
  /** The platform's id of who did it; absent where the platform does not say. */
  readonly actorId?: string;
  /** The message that it is about. */
  readonly messageId?: string;
  /** What the platform took the first delivery for; settles when it knows. */
  readonly answer: Promise<Answer>;
}

export interface InboundOptions {
  /** Default: a new conversation. */
  readonly target?: Target;
  /** Text of messages and commands; default some words. */
  readonly text?: string;
  readonly file?: { readonly name: string; readonly bytes: Uint8Array<ArrayBuffer> };
}

/** A delivery that the harness makes up itself, bytes and all. */
export interface MadeUp {
  readonly name: string;
  send(): Promise<Answer>;
}

/** A message of the installation as people see it. */
export interface ShownMessage {
  readonly id: string;
  /** Everything that people read in it, in order. */
  readonly content: string;
  /** What notifications, screen readers and the simplest client get. */
  readonly plainText: string;
  /** Ids of those whom the platform notified of it, broadcasts included. */
  readonly notified: readonly string[];
  /** Links that the platform went to fetch. */
  readonly unfurled: readonly string[];
  /** The file that it shows. */
  readonly file?: Uint8Array;
}

/** The platform's own record: the only witness of what was written. */
export interface PlatformOracle {
  /** Messages of the installation in this very conversation that can be seen now, in the platform's order. */
  messages(target: Target): Promise<readonly ShownMessage[]>;
  /** Reactions of the installation to a message. */
  reactions(target: Target, messageId: string): Promise<readonly string[]>;
  /** The line that says what the agent does now. */
  status(target: Target): Promise<string | undefined>;
  /** What the asker alone was shown. */
  privateAnswers(target: Target): Promise<readonly string[]>;
  /** Writes that were tried although the platform had asked to wait, and were no longer under way when it did. */
  earlyWrites(): number;
}

export interface Person {
  readonly id: string;
  readonly name: string;
}

/** One platform with one adapter on it, and people who do what a check wants. */
export interface AdapterRig {
  /** Started on `sink`, unless the rig was asked not to. */
  readonly adapter: ChatAdapter;
  readonly sink: RecordingSink;
  readonly platform: PlatformOracle;
  readonly organizationId: string;
  readonly installationId: string;
  /** Somebody who governs the conversations or what they lie in. */
  readonly asker: Person;
  /** An ordinary member, whom no reply may mention. */
  readonly bystander: Person;
  /** Somebody who is in none of the conversations; needed for the feature `access`. */
  readonly outsider?: Person;
  /** Everything that may be told to nobody. */
  readonly secrets: readonly string[];
  /** A further adapter, neither started nor mounted; stopped with the rig. */
  create(): ChatAdapter;
  /** Calls that the platform got from adapters so far, of any kind. */
  traffic(): number;
  /** Connections between the adapter and the platform that are open now. */
  connections(): number;
  /** A new conversation of the installation with both people in it. */
  conversation(): Promise<Target>;
  /** The asker lets the installation speak with them alone; absent where nobody has to be asked. */
  readonly agree?: () => Promise<void>;
  /** A new thread of that conversation. */
  thread(target: Target): Promise<Target>;
  inbound(kind: EventKind, options?: InboundOptions): Promise<Inbound>;
  /** The platform delivers one event twice. */
  inboundTwice(kind: EventKind): Promise<Inbound>;
  /** One event for two installations whose platform ids are equal as far as the platform allows. */
  inboundForTwins(): Promise<{ readonly otherInstallationId: string }>;
  /** Different events with ids that read alike when they are put one after another; needs `chosen_ids`. */
  lookalikes?(): Promise<readonly MadeUp[]>;
  /** Something about a message changes that is not its text. */
  changeWithoutText(): Promise<Inbound>;
  /** Another bot says something; needs `other_bot`. */
  otherBotSpeaks(): Promise<Inbound>;
  unknownEvents(): Promise<readonly MadeUp[]>;
  malformedEvents(): Promise<readonly MadeUp[]>;
  /** Requests that are to be refused, each otherwise good. */
  forgeries(): Promise<readonly MadeUp[]>;
  /** Requests that are just good enough. */
  genuine(): Promise<readonly MadeUp[]>;
  /** Strikes the next message to this conversation; `gone`, `forbidden`, `refused_token`, `unreachable` stay. */
  fail(mode: FailureMode, target: Target): Promise<void>;
  /** From now on the platform takes its time with each write, sometimes more, sometimes less. */
  dawdle(): void;
  /** Needed for `position`. */
  readonly afterwards?: Afterwards;
  stop(): Promise<void>;
}

/** What comes after the rig's adapter was stopped. */
export interface Afterwards {
  /** Somebody writes where the installation is, whether an adapter runs or not; gives the message's id. */
  readonly say: (target: Target) => Promise<string>;
  /** Starts another adapter in the place of the one before, on its stored state, with `sink`. Rejects like `start`. */
  readonly succeed: (sink: RecordingSink) => Promise<ChatAdapter>;
  /** The installation is put out of the conversation; absent where that cannot be done. */
  readonly putOut?: (target: Target) => Promise<void>;
  /** Calls by which adapters asked the platform for what was said in this conversation. */
  readonly reads: (target: Target) => number;
}

/**
 * What not every platform has. `position`: the adapter itself keeps how far it has read. `chosen_ids`: whoever delivers events
 * chooses their ids. `plain_text`: a message can carry another text for notifications than it shows.
 */
export type Ability = "other_bot" | "rate_limit" | "position" | "chosen_ids" | "plain_text";

export interface Skip {
  readonly id: string;
  readonly reason: string;
  /** Where the reason can be read up. */
  readonly link: string;
}

export interface AdapterHarness {
  readonly name: string;
  /** Kinds of events that the platform has. */
  readonly kinds: readonly EventKind[];
  /** Kinds that the platform delivers again when it is not sure of the first time. */
  readonly redelivered: readonly EventKind[];
  /** Features that the adapter has to declare, and none else. */
  readonly features: readonly FeatureName[];
  readonly failures: readonly FailureMode[];
  /**
   * How the dedupeKey of each kind has looked since the first release: a ledger that holds it must know the event again.
   *
   * `{installation}`, `{channel}`, `{message}` and `{actor}` stand for those ids, `*` for what the platform makes anew each time.
   */
  readonly keys: Readonly<Partial<Record<EventKind, string>>>;
  /** Samples that the platform cannot show as they are, and none else. */
  readonly lossy: readonly LossSample[];
  /** What the platform lacks, each with the reason; checks that need it are left out. */
  readonly impossible: Readonly<Partial<Record<Ability, string>>>;
  readonly skips: readonly Skip[];
  /** True when rigs share nothing, so that checks can run side by side. */
  readonly parallel: boolean;
  start(options?: RigOptions): Promise<AdapterRig>;
  /** Ends what rigs share. */
  close(): Promise<void>;
}

export interface RigOptions {
  /** Default true. */
  readonly started?: boolean;
}

/** Makes a broken adapter out of a good one. */
export type Breaker = (adapter: ChatAdapter, platform: MutantTools) => ChatAdapter;

/** What a broken adapter may use to do harm. */
export interface MutantTools {
  /** Writes a message past the adapter, with whatever the platform lets it do. */
  readonly writeDirectly: (target: Target, text: string) => Promise<string>;
  /** Makes the secret with which requests are signed, where there is one. */
  readonly signingSecret: string;
}
