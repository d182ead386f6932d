import type { MemberClass } from "../contracts/access.ts";
import type { ConversationPath } from "../envelope/conversation.ts";
import type { Audience } from "./audience.ts";

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
  /** Stops asking platforms and waits for what is being stored. */
  close(): Promise<void>;
}
