import { setTimeout as delay } from "node:timers/promises";
import { type AgentCheck, type AgentProbe, ask, type FreshAgent, type Verdict } from "./probe-turn.ts";
import { LONG_QUESTION, STOP_AFTER_MS, STOP_MS, TOO_FAST, tooLate } from "./stop-checks.ts";
import type { Outcome } from "./turn-outcome.ts";

/** What people would have to trust Parley for, because nothing of it can be seen from where an agent is checked. */
export interface NotCheckable {
  readonly id: string;
  readonly what: string;
  readonly why: string;
}

/** How a turn that nobody waits for any more may be told from one that was answered. */
const DEAD_WITHIN_MS = 15_000;

/** What was on its way when the process was killed has arrived by then, in ms. */
const AT_ONCE_MS = 100;

/** What an agent and its connection must keep to when one of them ends; each is checked on an agent of its own, which ends with it. */
export const END_CHECKS: readonly AgentCheck[] = [
  {
    id: "CO-ERR-02",
    title: "an answer that is cut off is not taken for one",
    applies: (probe) => probe.crashes === true,
    run: (probe) =>
      withFresh(probe, async (fresh) => {
        if (fresh.crash === undefined) return TOO_FAST;
        const { outcome, tookMs } = await endInTheMiddle(fresh, probe, async () => fresh.crash?.());
        if (outcome === undefined)
          return {
            state: "failed",
            detail: `nothing was said of it within ${DEAD_WITHIN_MS} ms`,
            mend: "This is a fault of Parley; please report it.",
          };
        if (outcome.error === undefined && tookMs < AT_ONCE_MS) return TOO_FAST;
        if (outcome.error === undefined)
          return {
            state: "failed",
            detail:
              "its process was killed in the middle of an answer, and what there was of it was taken for the whole",
            mend: "This is a fault of Parley; please report it.",
          };
        return { state: "ok", detail: "its process was killed in the middle of an answer, and the turn failed" };
      }),
  },
  {
    id: "CO-LIFE-01",
    title: "closing its connection ends what it is at work on, twice does no harm, and others go on",
    applies: (probe) => probe.open !== undefined,
    run: (probe) =>
      withFresh(probe, async (fresh) => {
        const closed = await endInTheMiddle(fresh, probe, async () => {
          await Promise.all([fresh.close(), fresh.close()]);
        });
        if (closed.outcome === undefined || closed.tookMs > STOP_MS) return tooLate(closed.tookMs);
        if (closed.outcome.error === undefined) return TOO_FAST;
        if (fresh.wasForced?.() === true)
          return {
            state: "advice",
            detail: "its process did not end by SIGTERM within 2 s and was killed",
            mend: "End the process on SIGTERM: Parley, a supervisor and the author's shell all ask so first.",
          };
        const { outcome } = await ask(probe, { text: "Are you still there?" });
        if (outcome.error !== undefined)
          return {
            state: "failed",
            detail: "after one connection was closed, the agent answers none",
            mend: "Let the end of one connection or request end nothing but the turns that came by it.",
          };
        return { state: "ok", detail: `in ${Math.round(closed.tookMs)} ms` };
      }),
  },
  {
    id: "CO-LOG-01",
    title: "neither words nor secrets stand in errors, or in what it writes to its output",
    run: async (probe) => {
      const { words = /$^/u, secrets = [], said = () => [], output = () => [] } = probe;
      const inErrors = said().filter((line) => holds(line, words, secrets));
      if (inErrors.length > 0)
        return {
          state: "failed",
          detail: `${inErrors.length} errors or log lines of its turns hold a secret or words of a message`,
          mend: "Name in an error what went wrong, and never what was asked: Parley shows and keeps the errors of agents.",
        };
      const lines = output();
      if (lines.some((line) => secrets.some((secret) => line.includes(secret))))
        return {
          state: "failed",
          detail: "it writes its token to its output",
          mend: "Keep PARLEY_TOKEN and signing secrets out of logs; whoever reads them can be the agent.",
        };
      if (lines.some((line) => words.test(line)))
        return {
          state: "advice",
          detail: "it writes words of messages to its output",
          mend: "Log the turnId rather than what people say.",
        };
      return { state: "ok", detail: `${said().length} errors and log lines, ${lines.length} lines of output` };
    },
  },
];

/** What cannot be seen of this agent, each with the reason. */
export function notCheckable(probe: AgentProbe): readonly NotCheckable[] {
  const mayCrash = probe.crashes === true;
  const hasOutput = probe.output !== undefined;
  return [
    {
      id: "CO-LIFE-01",
      what: "that creating its connector contacts nobody",
      why: "the connector is Parley's own part and there before the agent hears anything; Parley's suite checks it for each kind",
    },
    {
      id: "CO-ERR-02",
      what: mayCrash
        ? "that an answer cut off on the line is not taken for one"
        : "that an answer that is cut off is not taken for one",
      why: mayCrash
        ? "only its process can be ended from here, not the line alone"
        : "neither its process nor the line to it can be cut from here; Parley's suite does so for each kind, with agents of its own",
    },
    {
      id: "CO-LOG-01",
      what: hasOutput
        ? "its log files, and what a running Parley logs"
        : "its own output and logs, and what a running Parley logs",
      why: hasOutput
        ? "only what it writes to its output and its errors can be read from here"
        : "it was not started from here, so only the errors of its turns can be read",
    },
  ];
}

function holds(line: string, words: RegExp, secrets: readonly string[]): boolean {
  return words.test(line) || secrets.some((secret) => line.includes(secret));
}

async function withFresh(probe: AgentProbe, run: (fresh: FreshAgent) => Promise<Verdict>): Promise<Verdict> {
  const fresh = await probe.open?.();
  if (fresh === undefined) return TOO_FAST;
  try {
    return await run(fresh);
  } finally {
    await fresh.close();
  }
}

/** Ends an agent in the middle of a turn; the outcome is undefined where the turn goes on all the same. */
async function endInTheMiddle(
  fresh: FreshAgent,
  probe: AgentProbe,
  end: () => Promise<void>,
): Promise<{ readonly outcome: Outcome | undefined; readonly tookMs: number }> {
  const running = ask({ ...probe, connector: fresh.connector }, { text: LONG_QUESTION });
  await delay(STOP_AFTER_MS);
  const endedAtMs = performance.now();
  const ended = end();
  const patience = delay(DEAD_WITHIN_MS, undefined, { ref: false });
  const turn = await Promise.race([running, patience]);
  const tookMs = performance.now() - endedAtMs;
  await ended;
  return { outcome: turn?.outcome, tookMs };
}
