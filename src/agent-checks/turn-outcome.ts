import type { ConnectorEvent } from "../contracts/connector.ts";

export interface Outcome {
  readonly events: readonly ConnectorEvent[];
  /** What the turn threw, if it did. */
  readonly error: unknown;
}

/** Reads a turn to its end, however it ends. */
export async function collect(
  events: AsyncIterable<ConnectorEvent>,
  onEvent: (event: ConnectorEvent) => void = () => undefined,
): Promise<Outcome> {
  const seen: ConnectorEvent[] = [];
  try {
    for await (const event of events) {
      seen.push(event);
      onEvent(event);
    }
    return { events: seen, error: undefined };
  } catch (error) {
    return { events: seen, error };
  }
}

/** All text of a reply. */
export function textOf(events: readonly ConnectorEvent[]): string {
  return events
    .map((event) =>
      event.type === "text_delta"
        ? event.markdown
        : event.type === "part" && event.part.type === "text"
          ? event.part.markdown
          : "",
    )
    .join("");
}

/** What is wrong with how a reply ends; undefined when it ends with exactly one `done` or `deferred`. */
export function findEndFault(events: readonly ConnectorEvent[]): string | undefined {
  const ends = events.filter((event) => event.type === "done" || event.type === "deferred");
  if (ends.length !== 1) return `the turn has ${ends.length} ends`;
  return events.at(-1) === ends[0] ? undefined : "something follows the end";
}
