import { randomUUID } from "node:crypto";
import type { AgentConnector, ConnectorEvent, TurnRequest } from "../contracts/connector.ts";
import { explainError } from "./mending.ts";
import { sampleIo, sampleMessage, sampleTurn } from "./sample-turn.ts";
import { collect, findEndFault, type Outcome, textOf } from "./turn-outcome.ts";

/** `advice` breaks nothing and is worth mending. */
export type Verdict =
  | { readonly state: "ok"; readonly detail: string }
  | { readonly state: "failed" | "advice"; readonly detail: string; readonly mend: string };

export interface AgentCheck {
  /** The obligation of src/contracts/connector.ts. */
  readonly id: string;
  readonly title: string;
  run(probe: AgentProbe): Promise<Verdict>;
}

/** An agent under check, by whatever connector reaches it. */
export interface AgentProbe {
  readonly connector: AgentConnector;
  /** Longest time of one turn, in ms. */
  readonly timeoutMs: number;
}

/** How long an aborted turn may take to end, in ms; the contract says a second. */
const STOP_MS = 1_000;
/** When a turn is stopped in its middle, in ms: most agents are at work by then. */
const STOP_AFTER_MS = 150;
const LONG_TRANSCRIPT = { messages: 200, chars: 2_000 } as const;

/** Keeps an agent that says again what it hears at work for a while, too. */
const LONG_QUESTION = `Please write a long story${" about a lighthouse and its keeper, and".repeat(40)} so on.`;

/** What can be asked of an agent that cannot be told how to behave: that it keeps its part of each obligation. */
export const AGENT_CHECKS: readonly AgentCheck[] = [
  {
    id: "CO-ERR-01",
    title: "it can be reached",
    async run({ connector, timeoutMs }) {
      const { ok, detail } = await connector.check(AbortSignal.timeout(timeoutMs));
      if (ok) return { state: "ok", detail };
      return {
        state: "failed",
        detail,
        mend: "Start the agent, and see that its address and its token or secret are right.",
      };
    },
  },
  {
    id: "CO-INV-01",
    title: "it answers, and the answer has one end",
    async run(probe) {
      const { outcome, tookMs } = await runTurn(
        probe,
        sampleTurn({ ...probe, text: "Hello! Please answer with one short sentence." }),
      );
      const fault = faultOf(outcome);
      if (fault !== undefined) return fault;
      if (outcome.events.at(-1)?.type === "deferred")
        return { state: "ok", detail: "it puts its answer off and posts it later" };
      if (!outcome.events.some(saysSomething))
        return {
          state: "failed",
          detail: "the reply is empty",
          mend: "Answer with at least one part; a text of one sentence is enough.",
        };
      return { state: "ok", detail: `${quoted(textOf(outcome.events))} in ${Math.round(tookMs)} ms` };
    },
  },
  {
    id: "CO-INV-01",
    title: "it answers in pieces, so that people see it write",
    async run(probe) {
      const text = "Please count from one to thirty in words.";
      const { outcome } = await runTurn(probe, sampleTurn({ ...probe, text }));
      const fault = faultOf(outcome);
      if (fault !== undefined) return fault;
      const pieces = outcome.events.filter(({ type }) => type === "text_delta").length;
      if (pieces > 1) return { state: "ok", detail: `${pieces} pieces of text` };
      return {
        state: "advice",
        detail: "the whole answer came at once",
        mend: "Write text as it comes into being; a status line is the least for work that takes longer than a moment.",
      };
    },
  },
  {
    id: "CO-INV-02",
    title: "two turns at once do not mix",
    async run(probe) {
      const words = [secretWord(), secretWord()];
      const turns = await Promise.all(
        words.map((word) => runTurn(probe, sampleTurn({ ...probe, text: `Please repeat this word: ${word}` }))),
      );
      for (const { outcome } of turns) {
        const fault = faultOf(outcome);
        if (fault !== undefined) return fault;
      }
      const isMixed = turns.some(({ outcome }, index) => {
        const text = textOf(outcome.events);
        return words.some((word, other) => other !== index && text.includes(word));
      });
      if (!isMixed) return { state: "ok", detail: "each answer kept to its own question" };
      return {
        state: "failed",
        detail: "an answer holds words of the other question",
        mend: "Keep what belongs to a turn in variables of that turn, and remember under sessionKey alone.",
      };
    },
  },
  {
    id: "CO-INV-03",
    title: "a turn that is given again is answered again",
    async run(probe) {
      const turnId = `turn_${randomUUID()}`;
      const text = `Please make up a sentence with the word ${secretWord()}.`;
      const first = sampleTurn({ ...probe, text, turnId });
      const before = await runTurn(probe, first);
      const again = await runTurn(probe, { ...first, attempt: 2 });
      const fault = faultOf(before.outcome) ?? faultOf(again.outcome);
      if (fault !== undefined) return fault;
      if (textOf(before.outcome.events) === textOf(again.outcome.events))
        return { state: "ok", detail: "with the same words" };
      return {
        state: "advice",
        detail: "with other words: the work was done twice",
        mend: "Keep the reply of each turnId (webhook-id, Idempotency-Key) for an hour and give it again; parley/agent does.",
      };
    },
  },
  {
    id: "CO-STOP-01",
    title: "a turn that is stopped ends within a second, and the next one is answered",
    async run(probe) {
      const controller = new AbortController();
      const running = runTurn(probe, sampleTurn({ ...probe, text: LONG_QUESTION }), controller);
      await new Promise((resolve) => setTimeout(resolve, STOP_AFTER_MS));
      const abortedAtMs = performance.now();
      controller.abort();
      const stopped = await running;
      const tookMs = performance.now() - abortedAtMs;
      const wasOver = stopped.outcome.error === undefined;
      if (!wasOver && tookMs > STOP_MS)
        return {
          state: "failed",
          detail: `it took ${Math.round(tookMs)} ms`,
          mend: "Stop working when the request is closed or the signal aborts.",
        };
      const next = await runTurn(probe, sampleTurn({ ...probe, text: "Are you still there?" }));
      const fault = faultOf(next.outcome);
      if (fault !== undefined)
        return fault.state === "ok" ? fault : { ...fault, detail: `after a stop: ${fault.detail}` };
      return {
        state: "ok",
        detail: wasOver ? "it had answered before it could be stopped" : `in ${Math.round(tookMs)} ms`,
      };
    },
  },
  {
    id: "CO-SIZE-01",
    title: "it takes a long conversation",
    async run(probe) {
      const line = "All of this was said before. "
        .repeat(Math.ceil(LONG_TRANSCRIPT.chars / 29))
        .slice(0, LONG_TRANSCRIPT.chars);
      const transcript = Array.from({ length: LONG_TRANSCRIPT.messages }, () => sampleMessage(line));
      const text = "Please answer with one word.";
      const { outcome } = await runTurn(probe, sampleTurn({ ...probe, text, transcript }));
      const fault = faultOf(outcome);
      if (fault !== undefined)
        return fault.state === "ok"
          ? fault
          : { ...fault, detail: `with ${LONG_TRANSCRIPT.messages} messages before the question: ${fault.detail}` };
      return { state: "ok", detail: `${LONG_TRANSCRIPT.messages} messages of ${LONG_TRANSCRIPT.chars} characters` };
    },
  },
];

async function runTurn(
  { connector, timeoutMs }: AgentProbe,
  request: TurnRequest,
  controller = new AbortController(),
): Promise<{ readonly outcome: Outcome; readonly tookMs: number }> {
  const startedAtMs = performance.now();
  const signal = AbortSignal.any([controller.signal, AbortSignal.timeout(timeoutMs)]);
  const outcome = await collect(connector.invoke(request, sampleIo(signal)));
  return { outcome, tookMs: performance.now() - startedAtMs };
}

/** Why a turn that should have gone well did not. */
function faultOf(outcome: Outcome): Verdict | undefined {
  if (outcome.error !== undefined) return { state: "failed", ...explainError(outcome.error) };
  const fault = findEndFault(outcome.events);
  if (fault === undefined) return undefined;
  return { state: "failed", detail: fault, mend: "End every reply with one done, and say nothing after it." };
}

function saysSomething(event: ConnectorEvent): boolean {
  return event.type === "text_delta"
    ? event.markdown.trim() !== ""
    : event.type === "part" && event.part.type !== "status";
}

function secretWord(): string {
  return `parley-${randomUUID().slice(0, 8)}`;
}

function quoted(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line === "" ? "an answer without text" : JSON.stringify(line.length > 60 ? `${line.slice(0, 60)}…` : line);
}
