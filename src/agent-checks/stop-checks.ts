import { ParleyError } from "../errors/parley-error.ts";
import { type AgentCheck, type AgentProbe, ask, faultOf, type Verdict } from "./probe-turn.ts";

/** How long an aborted turn may take to end, in ms; the contract says a second. */
export const STOP_MS = 1_000;
/** When a turn is stopped in its middle, in ms: most agents are at work by then. */
export const STOP_AFTER_MS = 150;

/** Keeps an agent that says again what it hears at work for a while, too. */
export const LONG_QUESTION = `Please write a long story${" about a lighthouse and its keeper, and".repeat(40)} so on.`;

/** Nothing was stopped, so that nothing is known; that it went well is not said. */
export const TOO_FAST: Verdict = {
  state: "skipped",
  detail: `it answers within ${STOP_AFTER_MS} ms, before it can be stopped`,
  mend: `Check it with an agent that works for longer than ${STOP_AFTER_MS} ms when it is asked for a long story; a wait that ends with the turn's signal will do.`,
};

/** What an agent must keep to when people stop it (CO-STOP-01). */
export const STOP_CHECKS: readonly AgentCheck[] = [
  {
    id: "CO-STOP-01",
    title: "a turn that is stopped ends within a second, and the next one is answered",
    async run(probe) {
      const stopped = await stopInTheMiddle(probe);
      if ("verdict" in stopped) return stopped.verdict;
      const { tookMs } = stopped;
      if (tookMs > STOP_MS) return tooLate(tookMs);
      const { outcome } = await ask(probe, { text: "Are you still there?" });
      return faultOf(outcome, "after a stop") ?? { state: "ok", detail: `in ${Math.round(tookMs)} ms` };
    },
  },
  {
    id: "CO-STOP-01",
    title: "stopping one turn leaves another alone",
    async run(probe) {
      const [stopped, other] = await Promise.all([
        stopInTheMiddle(probe),
        ask(probe, { text: "Please answer with one short sentence." }),
      ]);
      if ("verdict" in stopped) return stopped.verdict;
      const fault = faultOf(other.outcome, "while another turn was stopped");
      return fault ?? { state: "ok", detail: "the other one was answered" };
    },
  },
];

/** How long a turn took to end once it was stopped, in ms; or why it was not stopped. */
async function stopInTheMiddle(
  probe: AgentProbe,
): Promise<{ readonly tookMs: number } | { readonly verdict: Verdict }> {
  const controller = new AbortController();
  const running = ask(probe, { text: LONG_QUESTION }, controller);
  await new Promise((resolve) => setTimeout(resolve, STOP_AFTER_MS));
  const abortedAtMs = performance.now();
  controller.abort();
  const { outcome } = await running;
  const tookMs = performance.now() - abortedAtMs;
  if (outcome.error === undefined) return { verdict: TOO_FAST };
  const isOwnFault = outcome.error instanceof ParleyError && outcome.error.code !== "TURN_CANCELLED";
  const fault = isOwnFault ? faultOf(outcome, "before it was stopped") : undefined;
  return fault === undefined ? { tookMs } : { verdict: fault };
}

export function tooLate(tookMs: number): Verdict {
  return {
    state: "failed",
    detail: `it took ${Math.round(tookMs)} ms`,
    mend: "Stop working when the request is closed or the signal aborts.",
  };
}
