import type { LedgerProjection, ProjectedEvent } from "./ledger-projection.ts";

/** Something in which a platform's own behaviour shows in the ledger, so that no bridge could record it as the others do. */
interface Difference {
  readonly platforms: readonly string[];
  readonly what: string;
  readonly reason: string;
  /** The event as a platform without the difference would have brought it; undefined when it would have brought none. */
  readonly level: (event: ProjectedEvent) => ProjectedEvent | undefined;
}

/** All that may differ between the ledgers of one conversation on different platforms. Whatever is not here must be equal. */
export const DIFFERENCES: readonly Difference[] = [
  {
    platforms: ["slack"],
    what: "own posts come back as events, which are recorded as dropped: own_message",
    reason: "the platform tells an app of every message of its channels, those of the app included",
    level: (event) => (event.by === "Parley" && event.end === "dropped: own_message" ? undefined : event),
  },
  {
    platforms: ["slack"],
    what: "a reaction to a message in a thread is recorded in the channel",
    reason: "reaction_added and reaction_removed name the message and its channel, and not its thread",
    level: (event) =>
      event.event.startsWith("reaction_") ? { ...event, in: event.about.replace("answer to", "thread of") } : event,
  },
];

/** The ledger without the listed differences, and how often each of them was found in it. */
export function levelled(
  platform: string,
  projection: LedgerProjection,
): { readonly projection: LedgerProjection; readonly found: ReadonlyMap<string, number> } {
  const found = new Map<string, number>();
  const listed = DIFFERENCES.filter(({ platforms }) => platforms.includes(platform));
  for (const { what } of listed) found.set(what, 0);
  const events = projection.events.flatMap((event) => {
    let levelledEvent: ProjectedEvent | undefined = event;
    for (const { what, level } of listed) {
      if (levelledEvent === undefined) break;
      const next = level(levelledEvent);
      if (next !== levelledEvent) found.set(what, (found.get(what) ?? 0) + 1);
      levelledEvent = next;
    }
    return levelledEvent === undefined ? [] : [levelledEvent];
  });
  return { projection: { ...projection, events }, found };
}
