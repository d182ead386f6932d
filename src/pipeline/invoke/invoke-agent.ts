import type { AgentConnector, ConnectorEvent, TurnIo, TurnRequest } from "../../contracts/connector.ts";
import { DeferredReply } from "../../contracts/deferred-reply.ts";
import { MAX_REPLY_PARTS, type ReplyPart } from "../../envelope/reply.ts";
import type { Usage } from "../../envelope/reply-event.ts";
import { ParleyError, toParleyError } from "../../errors/parley-error.ts";
import type { PausableClock } from "./pausable-clock.ts";
import { createReplyCollector, type ReplyCollector } from "./reply-collector.ts";

export type Invocation =
  | {
      readonly kind: "reply";
      readonly parts: ReplyPart[];
      readonly stopReason: string;
      readonly usage: Usage | undefined;
    }
  | { readonly kind: "deferred"; readonly deadlineMs: number };

export interface InvokeOptions {
  readonly connector: AgentConnector;
  readonly request: TurnRequest;
  readonly io: TurnIo;
  /** Aborts the invocation: the deadline, a stop, or the process ending. */
  readonly controller: AbortController;
  /** Its time; begins when the agent is called. */
  readonly clock: PausableClock;
  /** Called whenever there is more to show. */
  readonly onProgress: (collector: ReplyCollector) => void;
}

/**
 * Calls an agent and collects its reply within the deadline and the longest silence.
 *
 * @throws ParleyError AGENT_TIMEOUT, AGENT_REPLY_INVALID, AGENT_REPLY_TOO_LARGE, AGENT_CRASHED (anything else thrown), TURN_CANCELLED.
 */
export async function invokeAgent(options: InvokeOptions): Promise<Invocation> {
  const { connector, request, io, controller } = options;
  const collector = createReplyCollector();
  const aborted = Promise.withResolvers<never>();
  aborted.promise.catch(() => undefined);
  const onAbort = (): void => aborted.reject(controller.signal.reason);
  if (controller.signal.aborted) throw toParleyError(controller.signal.reason, "TURN_CANCELLED");
  controller.signal.addEventListener("abort", onAbort, { once: true });
  options.clock.start();
  const events = connector.invoke(request, io)[Symbol.asyncIterator]();
  try {
    while (true) {
      const next = await Promise.race([events.next(), aborted.promise]);
      if (next.done === true)
        throw new ParleyError("AGENT_CRASHED", { detail: "the reply was cut off before its end" });
      options.clock.touch();
      const event: ConnectorEvent = next.value;
      if (event.type === "deferred") return { kind: "deferred", deadlineMs: event.deadlineMs };
      const end = collector.take(event);
      if (end !== undefined) return toReply(collector, end);
      options.onProgress(collector);
    }
  } catch (thrown) {
    throw toParleyError(thrown, "AGENT_CRASHED");
  } finally {
    options.clock.stop();
    controller.signal.removeEventListener("abort", onAbort);
    // Never waited for: an agent that ignores the signal must not hold the worker.
    void Promise.resolve(events.return?.()).catch(() => undefined);
  }
}

function toReply(collector: ReplyCollector, end: { stopReason: string; usage: Usage | undefined }): Invocation {
  if (end.stopReason === "failed")
    throw new ParleyError("AGENT_CRASHED", { detail: "the agent reported that it failed" });
  const parts = collector.parts();
  if (parts.length === 0 && end.stopReason === "refused") throw new ParleyError("AGENT_REFUSED");
  return { kind: "reply", parts, stopReason: end.stopReason, usage: end.usage };
}

/** The parts of a reply that came later, validated again as it left the ledger. */
export function deferredParts(stored: unknown): ReplyPart[] {
  const parsed = DeferredReply.safeParse(stored);
  if (!parsed.success)
    throw new ParleyError("AGENT_REPLY_INVALID", { detail: "the deferred reply is not a valid reply" });
  return "text" in parsed.data
    ? [{ type: "text", markdown: parsed.data.text }]
    : parsed.data.parts.slice(0, MAX_REPLY_PARTS);
}
