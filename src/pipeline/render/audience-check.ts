import { isWithin } from "../../access/audience.ts";
import type { FactPlace, MemberFacts } from "../../access/member-facts.ts";
import type { TurnSource } from "../../ledger/turn-sources.ts";

export interface AudienceCheck {
  readonly within: boolean;
  readonly rule: string;
  /** How many readers of the destination may not read a source, as far as they were counted. */
  readonly strangers: number;
}

/** Readers of a destination that are looked at one by one at a time. */
const AT_ONCE = 20;

/**
 * Decides whether everybody who reads `to` may read everything that was read: audience(to) ⊆ audience(S) for each source S, and each of its messages
 * as the platform judges those, where it does (`judgesPast`: who joined later sees less). What is not known is no.
 */
export async function checkAudience(
  facts: MemberFacts,
  to: FactPlace,
  sources: readonly TurnSource[],
  judgesPast: boolean,
): Promise<AudienceCheck> {
  const here = await facts.audienceOf(to);
  for (const source of sources) {
    const place = sourcePlace(to.organizationId, source);
    const verdict = isWithin(here, await facts.audienceOf(place));
    if (!verdict.within) return { within: false, rule: verdict.rule, strangers: verdict.strangers.length };
    if (!judgesPast || verdict.rule !== "all_readers_may_read_the_source") continue;
    const strangers = await countNewcomers(facts, place, source.messageIds, [...(here.readers ?? [])]);
    if (strangers > 0) return { within: false, rule: "source_has_older_messages", strangers };
  }
  return { within: true, rule: "all_readers_may_read_the_sources", strangers: 0 };
}

/** Readers who joined the source too late to read all of these messages. */
async function countNewcomers(
  facts: MemberFacts,
  place: FactPlace,
  messageIds: readonly string[],
  readers: readonly string[],
): Promise<number> {
  if (messageIds.length === 0) return 0;
  let strangers = 0;
  for (let start = 0; start < readers.length; start += AT_ONCE) {
    const answers = await Promise.all(
      readers.slice(start, start + AT_ONCE).map((personId) => facts.couldRead({ ...place, personId, messageIds })),
    );
    strangers += answers.filter(({ readable }) => messageIds.some((id) => !readable.has(id))).length;
  }
  return strangers;
}

export function sourcePlace(organizationId: string, source: TurnSource): FactPlace {
  return { organizationId, installationId: source.installationId, path: source.path };
}
