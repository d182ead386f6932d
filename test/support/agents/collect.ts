import type { Outcome } from "../../../src/agent-checks/turn-outcome.ts";
import type { ConnectorEvent } from "../../../src/contracts/connector.ts";
import { ParleyError } from "../../../src/errors/parley-error.ts";

export { collect, type Outcome, textOf } from "../../../src/agent-checks/turn-outcome.ts";

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
