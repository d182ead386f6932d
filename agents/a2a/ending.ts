import type { ReplyPartInput } from "../../src/envelope/reply.ts";
import type { ReplyEventInput } from "../../src/envelope/reply-event.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import type { TaskReply } from "./task-reply.ts";

type Done = Extract<ReplyEventInput, { type: "done" }>;

/** Guarantees the last events of a turn whose end is known; throws AGENT_CRASHED or AGENT_REFUSED for an agent that failed without a word. */
export function* endOf(reply: TaskReply): Generator<ReplyEventInput> {
  yield* reply.close();
  const { ending, reason } = reply;
  if (ending === "failed" || ending === "rejected") {
    const code = ending === "failed" ? "AGENT_CRASHED" : "AGENT_REFUSED";
    if (reason === undefined) {
      const detail = ending === "failed" ? "the agent says that its task failed" : "the agent did not take the task";
      throw new ParleyError(code, { detail });
    }
    yield { type: "part", part: { type: "error", code, message: reason.slice(0, 65_000), retryable: false } };
  }
  yield doneOf(reply);
}

function doneOf({ ending }: TaskReply): Done {
  if (ending === "rejected") return { type: "done", stopReason: "refused" };
  return { type: "done", stopReason: ending === "cancelled" ? "cancelled" : "end" };
}

/** The parts of a whole reply. */
export function toParts(events: Iterable<ReplyEventInput>): ReplyPartInput[] {
  const parts: ReplyPartInput[] = [];
  let text = "";
  const flush = (): void => {
    if (text.trim() !== "") parts.push({ type: "text", markdown: text });
    text = "";
  };
  for (const event of events) {
    if (event.type === "text_delta") text += event.markdown;
    else if (event.type === "part" && event.part.type !== "status") {
      flush();
      parts.push(event.part);
    }
  }
  flush();
  return parts;
}
