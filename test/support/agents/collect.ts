import type { ConnectorEvent } from "../../../src/contracts/connector.ts";
import { ParleyError } from "../../../src/errors/parley-error.ts";

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

/** The code a turn failed with; undefined when it did not, `not a ParleyError but …` when it threw something else. */
export function codeOf(outcome: Outcome): string | undefined {
  if (outcome.error === undefined) return undefined;
  return outcome.error instanceof ParleyError ? outcome.error.code : `not a ParleyError but ${typeof outcome.error}`;
}

/** The reply in short, text deltas joined: `text:Hello`, `tool_call:search`, `done:end`, `deferred`. */
export function summarize(events: readonly ConnectorEvent[]): string[] {
  const lines: string[] = [];
  let openText: string | undefined;
  const flush = () => {
    if (openText !== undefined) lines.push(`text:${openText}`);
    openText = undefined;
  };
  for (const event of events) {
    if (event.type === "text_delta") {
      openText = (openText ?? "") + event.markdown;
      continue;
    }
    flush();
    if (event.type === "done") lines.push(`done:${event.stopReason ?? "end"}`);
    else if (event.type === "deferred") lines.push("deferred");
    else if (event.part.type === "text") lines.push(`text:${event.part.markdown}`);
    else lines.push("name" in event.part ? `${event.part.type}:${event.part.name}` : event.part.type);
  }
  flush();
  return lines;
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
