import type { LedgerProjection, ProjectedEvent, ProjectedMessage } from "./ledger-projection.ts";

/** Something in which a platform's own behaviour shows in the ledger, so that no bridge could record it as the others do. */
interface Difference {
  readonly platforms: readonly string[];
  readonly what: string;
  readonly reason: string;
  /** The event as a platform without the difference would have brought it; undefined when it would have brought none. */
  readonly level?: (event: ProjectedEvent) => ProjectedEvent | undefined;
  /** The same of a message. */
  readonly levelMessage?: (message: ProjectedMessage, projection: LedgerProjection) => ProjectedMessage;
}

/** All that may differ between the ledgers of one conversation on different platforms. Whatever is not here must be equal. */
export const DIFFERENCES: readonly Difference[] = [
  {
    platforms: ["slack", "discord", "matrix"],
    what: "own posts come back as events, which are recorded as dropped: own_message",
    reason: "the platform tells an app of every message of its channels, those of the app included",
    level: (event) => (event.by === "Parley" && event.end === "dropped: own_message" ? undefined : event),
  },
  {
    platforms: ["matrix"],
    what: "the signs under a question are recorded as reactions of Parley's own",
    reason: "there are no buttons: what can be chosen is a reaction that is there already, for people to press",
    level: (event) => (event.by === "Parley" && event.event === "reaction_added" ? undefined : event),
  },
  {
    platforms: ["discord"],
    what: "the thread of an answer is recorded as created",
    reason: "a thread is a channel, which is made before anything is said in it",
    level: (event) => (event.event === "thread_created" ? undefined : event),
  },
  {
    platforms: ["slack"],
    what: "a reaction to a message in a thread is recorded in the channel",
    reason: "reaction_added and reaction_removed name the message and its channel, and not its thread",
    level: (event) =>
      event.event.startsWith("reaction_") ? { ...event, in: event.about.replace("answer to", "thread of") } : event,
  },
  {
    platforms: ["slack", "discord", "matrix"],
    what: "of an answer that is a file the message is kept as it was posted: its beginning and the file's name",
    reason:
      "no chat platform takes it, and people would not read it, in dozens of messages; the web room shows pages of any length",
    levelMessage: (message, { events }) => {
      if (!message.text.includes(IN_A_FILE)) return message;
      const question = message.message.replace("answer to ", "");
      const parts = events.find(({ about, turns }) => about === question && turns.length > 0)?.turns[0]?.parts ?? [];
      return { ...message, text: parts.map((part) => part.replace(/^text: /u, "")).join(" ") };
    },
  },
];

const IN_A_FILE = "(The whole text is in answer.md.)";

/** The ledger without the listed differences, and how often each of them was found in it. */
export function levelled(
  platform: string,
  projection: LedgerProjection,
): { readonly projection: LedgerProjection; readonly found: ReadonlyMap<string, number> } {
  const found = new Map<string, number>();
  const listed = DIFFERENCES.filter(({ platforms }) => platforms.includes(platform));
  for (const { what } of listed) found.set(what, 0);
  const note = (what: string, differs: boolean): void => {
    if (differs) found.set(what, (found.get(what) ?? 0) + 1);
  };
  const events = projection.events.flatMap((event) => {
    let now: ProjectedEvent | undefined = event;
    for (const { what, level } of listed) {
      const next: ProjectedEvent | undefined = now === undefined || level === undefined ? now : level(now);
      note(what, next !== now && JSON.stringify(next) !== JSON.stringify(now));
      now = next;
    }
    return now === undefined ? [] : [now];
  });
  const messages = projection.messages.map((message) => {
    let now = message;
    for (const { what, levelMessage } of listed) {
      const next = levelMessage?.(now, projection) ?? now;
      note(what, next !== now);
      now = next;
    }
    return now;
  });
  return { projection: { ...projection, events, messages }, found };
}
