import { setImmediate } from "node:timers/promises";
import { DEFAULT_IDLE_TIMEOUT_MS } from "../../src/contracts/agent-definition.ts";
import type { ConnectorEvent } from "../../src/contracts/connector.ts";
import { ParleyError } from "../../src/errors/parley-error.ts";
import { abandon, abortError, raceAbort } from "./abort.ts";
import { describeThrown } from "./describe-fault.ts";
import { ReplyGuard } from "./reply-guard.ts";

const EVENTS_PER_BREATH = 256;
/** One for all turns: nobody reads its stack, and taking one costs more than the rest of a short turn. */
const TURN_IS_OVER = new ParleyError("TURN_CANCELLED", { detail: "the turn is over" });

export interface GuardedReplyOptions {
  /** The turn's signal. */
  readonly signal: AbortSignal;
  /** Aborts when the connector is closed; then its turns end with AGENT_UNAVAILABLE. */
  readonly closed: AbortSignal;
  /** Longest time between two events, in ms; 30 s by default. */
  readonly idleTimeoutMs?: number | undefined;
  /** Longest time until the first event, in ms, where that is another; as idleTimeoutMs by default. */
  readonly firstEventTimeoutMs?: number | undefined;
  /** Says that the agent waits for people, whose time is not its silence. Default: it never does. */
  readonly isWaiting?: () => boolean;
}

/**
 * Guarantees the shape every connector owes for one turn: valid bounded events, then exactly one `done` or `deferred`, or a ParleyError.
 *
 * `open` gets a signal of its own that aborts when the turn's does, when the agent falls silent, when the reply is refused
 * and when the reply ended, so that whatever it opened closes with it. A source that ends without `done` gives AGENT_CRASHED.
 */
export async function* guardedReply(
  options: GuardedReplyOptions,
  open: (signal: AbortSignal) => AsyncIterable<unknown>,
): AsyncGenerator<ConnectorEvent> {
  const scope = new AbortController();
  const onAbort = () => scope.abort(options.signal.reason);
  const onClose = () => scope.abort(new ParleyError("AGENT_UNAVAILABLE", { detail: "the connector was closed" }));
  options.signal.addEventListener("abort", onAbort, { once: true });
  options.closed.addEventListener("abort", onClose, { once: true });
  if (options.signal.aborted) onAbort();
  if (options.closed.aborted) onClose();
  const guard = new ReplyGuard();
  let iterator: AsyncIterator<unknown> | undefined;
  const end = () => {
    options.signal.removeEventListener("abort", onAbort);
    options.closed.removeEventListener("abort", onClose);
    scope.abort(TURN_IS_OVER);
    if (iterator !== undefined) abandon(iterator);
  };
  try {
    if (scope.signal.aborted) throw abortError(scope.signal);
    iterator = open(scope.signal)[Symbol.asyncIterator]();
    for (let count = 1; !guard.isClosed; count += 1) {
      // An agent that never waits would otherwise keep timers and signals from being heard.
      if (count % EVENTS_PER_BREATH === 0) await setImmediate();
      const limitMs = count === 1 ? (options.firstEventTimeoutMs ?? options.idleTimeoutMs) : options.idleTimeoutMs;
      const step = await nextWithin(iterator, scope.signal, limitMs ?? DEFAULT_IDLE_TIMEOUT_MS, options.isWaiting);
      if (step.done === true)
        throw new ParleyError("AGENT_CRASHED", { detail: "the answer ended before it was complete" });
      const events = guard.accept(step.value);
      // Connections close before the last event leaves: whoever reads `done` may never come back.
      if (guard.isClosed) end();
      yield* events;
    }
  } catch (thrown) {
    if (options.signal.aborted) throw abortError(options.signal);
    if (options.closed.aborted) throw abortError(scope.signal);
    if (thrown instanceof ParleyError) throw thrown;
    throw new ParleyError("INVARIANT_BROKEN", { detail: describeThrown(thrown) });
  } finally {
    end();
  }
}

async function nextWithin(
  iterator: AsyncIterator<unknown>,
  signal: AbortSignal,
  idleTimeoutMs: number,
  isWaiting: () => boolean = () => false,
): Promise<IteratorResult<unknown>> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<never>((_resolve, reject) => {
    const detail = `nothing came for ${idleTimeoutMs} ms`;
    const onSilence = (): void => {
      if (isWaiting()) timer?.refresh();
      else reject(new ParleyError("AGENT_TIMEOUT", { detail }));
    };
    timer = setTimeout(onSilence, idleTimeoutMs);
  });
  try {
    return await raceAbort(Promise.race([iterator.next(), silence]), signal);
  } finally {
    clearTimeout(timer);
  }
}
