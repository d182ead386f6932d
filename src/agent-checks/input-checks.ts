import { randomUUID } from "node:crypto";
import { type AgentCheck, ask, faultOf, secretWord, silenceOf } from "./probe-turn.ts";
import { sampleMessage } from "./sample-turn.ts";
import { textOf } from "./turn-outcome.ts";

const LONG_TRANSCRIPT = { messages: 200, chars: 2_000 } as const;
/** The longest message that a platform lets people write: Slack's. */
const LONG_MESSAGE_CHARS = 40_000;
/** What people do send: a mention and no word, several scripts and directions, signs of markup that never end, controls. */
const ODD_MESSAGES: readonly (readonly [what: string, text: string])[] = [
  ["a message without words", ""],
  ["a message of many scripts", "Grüße 你好 שלום مرحبا 👩‍👩‍👧‍👦 e\u0301 \u202Etxet\u202C \u200B"],
  ["a message of broken markup", "```js\n**[a](http://x *`|\n{{ ⟦⟦ </p> ${x} %s \\u0000 \u0007\u001b[31m"],
];

/** What an agent must keep to whatever is said to it, and by whom. */
export const INPUT_CHECKS: readonly AgentCheck[] = [
  {
    id: "CO-SEC-01",
    title: "what is said in one conversation is not told in another",
    async run(probe) {
      const word = secretWord();
      const told = await ask(probe, { text: `Please remember the word ${word}. Answer with "yes".` });
      const asked = await ask(probe, {
        text: "Which word did I ask you to remember? Answer with the word alone.",
        conversationId: `conversation_${randomUUID()}`,
      });
      const fault = faultOf(told.outcome) ?? faultOf(asked.outcome);
      if (fault !== undefined) return fault;
      if (!textOf(asked.outcome.events).includes(word))
        return { state: "ok", detail: "the word stayed where it was said" };
      return {
        state: "failed",
        detail: "it told a word of another conversation",
        mend: "Keep what is remembered of a conversation under its sessionKey alone.",
      };
    },
  },
  {
    id: "CO-ERR-01",
    title: "an odd message does not make it fail",
    async run(probe) {
      for (const [what, text] of ODD_MESSAGES) {
        const { outcome } = await ask(probe, { text });
        const fault = faultOf(outcome, what);
        if (fault !== undefined) return fault;
      }
      return { state: "ok", detail: ODD_MESSAGES.map(([what]) => what).join(", ") };
    },
  },
  {
    id: "CO-SIZE-01",
    title: "it takes a long message",
    async run(probe) {
      const text = `Please answer with one word. ${"This is a long message. ".repeat(LONG_MESSAGE_CHARS / 24)}`;
      const { outcome } = await ask(probe, { text: text.slice(0, LONG_MESSAGE_CHARS) });
      const fault = silenceOf(outcome, `with a message of ${LONG_MESSAGE_CHARS} characters`);
      return fault ?? { state: "ok", detail: `${LONG_MESSAGE_CHARS} characters` };
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
      const { outcome } = await ask(probe, { text: "Please answer with one word.", transcript });
      const fault = faultOf(outcome, `with ${LONG_TRANSCRIPT.messages} messages before the question`);
      return (
        fault ?? { state: "ok", detail: `${LONG_TRANSCRIPT.messages} messages of ${LONG_TRANSCRIPT.chars} characters` }
      );
    },
  },
];
