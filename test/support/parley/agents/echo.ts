import { setTimeout as delay } from "node:timers/promises";
import { type AgentReturn, defineAgent } from "../../../../agents/shared/agent-function.ts";
import type { TurnIo, TurnRequest } from "../../../../src/contracts/connector.ts";
import type { ReplyPartInput } from "../../../../src/envelope/reply.ts";

const TOKEN = /\[#[\w-]+\]/g;
const WAIT = /\bwait=(\d{1,6})\b/;
const PARTS = /\bparts=(\d{1,2})\b/;
const STREAM = /\bstream=(\d{1,6})\b/;
const WORD_MS = 400;

const listeners: (() => void)[] = [];

/** Calls the listener at the beginning of each turn, in the process that runs it. */
export function onInvoke(listener: () => void): void {
  listeners.push(listener);
}

/**
 * An agent that quotes the token of the question, so that the log of the platform shows which question each answer is for.
 *
 * `wait=200` in the question makes it think for so many milliseconds; `parts=3` makes it answer in so many messages, of which the
 * last one quotes; `stream=3000` makes it talk for so many milliseconds before it comes to its answer.
 */
export default defineAgent((request, io) => {
  for (const listener of listeners) listener();
  const streamMs = Number(STREAM.exec(request.trigger.text)?.[1] ?? 0);
  return streamMs > 0 ? talk(request, io, streamMs) : answerTo(request, io);
});

async function* talk(request: TurnRequest, io: TurnIo, lengthMs: number): AsyncGenerator<string, AgentReturn> {
  const answer = await answerTo(request, io);
  for (let n = 0; n * WORD_MS < lengthMs; n += 1) {
    yield `Word ${n + 1}. `;
    await delay(WORD_MS, undefined, { signal: io.signal });
  }
  return answer;
}

async function answerTo(request: TurnRequest, io: TurnIo): Promise<AgentReturn> {
  const { text } = request.trigger;
  const waitMs = Number(WAIT.exec(text)?.[1] ?? 0);
  if (waitMs > 0) await delay(waitMs, undefined, { signal: io.signal });
  const tokens = text.match(TOKEN) ?? [];
  const answer = `Answer to ${tokens.join(" ")}.`;
  const count = Number(PARTS.exec(text)?.[1] ?? 1);
  if (count === 1) return answer;
  const steps: ReplyPartInput[] = Array.from({ length: count - 1 }, (_, index) => ({
    type: "artifact",
    artifactId: `step-${index + 1}`,
    name: `step-${index + 1}.txt`,
    mediaType: "text/plain",
    base64: Buffer.from(`step ${index + 1}`).toString("base64"),
  }));
  return { parts: [...steps, { type: "text", markdown: answer }] };
}
