import { setTimeout as delay } from "node:timers/promises";
import { defineAgent } from "../../../../agents/function/index.ts";
import type { ReplyPartInput } from "../../../../src/envelope/reply.ts";

const TOKEN = /\[#[\w-]+\]/g;
const WAIT = /\bwait=(\d{1,6})\b/;
const PARTS = /\bparts=(\d{1,2})\b/;

const listeners: (() => void)[] = [];

/** Calls the listener at the beginning of each turn, in the process that runs it. */
export function onInvoke(listener: () => void): void {
  listeners.push(listener);
}

/**
 * An agent that quotes the token of the question, so that the log of the platform shows which question each answer is for.
 *
 * `wait=200` in the question makes it think for so many milliseconds; `parts=3` makes it answer in so many messages, of which the
 * last one quotes.
 */
export default defineAgent(async (request, io) => {
  for (const listener of listeners) listener();
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
});
