/** Who can read a conversation now. */
export interface Audience {
  readonly conversation: AudiencePlace;
  /** Ids of everybody who can; undefined when that is not known, which counts as everybody. */
  readonly readers: ReadonlySet<string> | undefined;
  /** Every full member of the installation can read it, whether or not the platform lists them. */
  readonly openToMembers: boolean;
  /** Readers who are not full members of the installation: guests, people of other organizations. */
  readonly outsiders: ReadonlySet<string>;
  /** Whether all readers are known to be listed. */
  readonly complete: boolean;
}

export interface AudiencePlace {
  readonly organizationId: string;
  readonly installationId: string;
  readonly channelId: string;
  readonly threadId: string;
}

export interface AudienceVerdict {
  readonly within: boolean;
  /** `same_conversation`, `readers_of_its_channel`, `all_readers_may_read_the_source`, `readers_unknown`, `source_is_narrower`, `another_organization`. */
  readonly rule: string;
  /** Readers of the destination who may not read the source; at most ten. */
  readonly strangers: readonly string[];
}

const SHOWN = 10;

/**
 * Decides whether everybody who reads `to` may read `source`: audience(to) ⊆ audience(source). Pure.
 *
 * Nothing crosses organizations. Two installations have no readers in common that could be told apart from strangers, so nothing crosses them either.
 * An audience that is not known holds strangers.
 */
export function isWithin(to: Audience, source: Audience): AudienceVerdict {
  const no = (rule: string, strangers: readonly string[] = []): AudienceVerdict => ({
    within: false,
    rule,
    strangers: strangers.slice(0, SHOWN),
  });
  const yes = (rule: string): AudienceVerdict => ({ within: true, rule, strangers: [] });
  const here = to.conversation;
  const there = source.conversation;
  if (here.organizationId !== there.organizationId) return no("another_organization");
  if (here.installationId !== there.installationId) return no("another_installation");
  if (here.channelId === there.channelId && here.threadId === there.threadId) return yes("same_conversation");
  if (here.channelId === there.channelId && there.threadId === "") return yes("readers_of_its_channel");
  if (!to.complete || (to.readers === undefined && !to.openToMembers)) return no("readers_unknown");
  if (to.openToMembers && !source.openToMembers) return no("source_is_narrower");
  const mayRead = (reader: string): boolean =>
    source.readers?.has(reader) === true || (source.openToMembers && !to.outsiders.has(reader));
  const strangers = [...(to.readers ?? []), ...to.outsiders].filter((reader) => !mayRead(reader));
  return strangers.length === 0
    ? yes("all_readers_may_read_the_source")
    : no("source_is_narrower", [...new Set(strangers)]);
}
