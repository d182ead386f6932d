import { randomUUID } from "node:crypto";
import { END_CHECKS } from "./end-checks.ts";
import { INPUT_CHECKS } from "./input-checks.ts";
import { type AgentCheck, ask, faultOf, runTurn, secretWord, silenceOf } from "./probe-turn.ts";
import { sampleAnswer, sampleMessage, sampleTurn } from "./sample-turn.ts";
import { STOP_CHECKS } from "./stop-checks.ts";
import { textOf } from "./turn-outcome.ts";

/**
 * What can be asked of an agent that cannot be told how to behave: that it keeps its part of each obligation. What cannot be seen from where it is
 * checked is named with the reason (`notCheckable`).
 */
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
      const { outcome, tookMs } = await ask(probe, { text: "Hello! Please answer with one short sentence." });
      const fault = silenceOf(outcome);
      if (fault !== undefined) return fault;
      if (outcome.events.at(-1)?.type === "deferred")
        return { state: "ok", detail: "it puts its answer off and posts it later" };
      return { state: "ok", detail: `${quoted(textOf(outcome.events))} in ${Math.round(tookMs)} ms` };
    },
  },
  {
    id: "CO-INV-01",
    title: "it answers in pieces, so that people see it write",
    async run(probe) {
      const text = "Please count from one to thirty in words.";
      const { outcome } = await ask(probe, { text });
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
    id: "CO-INV-01",
    title: "it answers the next message of a conversation, too",
    async run(probe) {
      const sessionKey = `session_${randomUUID()}`;
      const first = await ask(probe, { text: "Hello! Please answer with one short sentence.", sessionKey });
      const said = [
        sampleMessage("Hello! Please answer with one short sentence."),
        sampleAnswer(textOf(first.outcome.events)),
      ];
      const next = await ask(probe, { text: "And with another one, please.", sessionKey, transcript: said });
      const fault = faultOf(first.outcome) ?? silenceOf(next.outcome, "the second message");
      return fault ?? { state: "ok", detail: `in ${Math.round(next.tookMs)} ms` };
    },
  },
  {
    id: "CO-INV-02",
    title: "two turns at once do not mix",
    async run(probe) {
      const words = [secretWord(), secretWord()];
      const turns = await Promise.all(words.map((word) => ask(probe, { text: `Please repeat this word: ${word}` })));
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
  ...STOP_CHECKS,
  ...INPUT_CHECKS,
  ...END_CHECKS,
];

function quoted(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line === "" ? "an answer without text" : JSON.stringify(line.length > 60 ? `${line.slice(0, 60)}…` : line);
}
