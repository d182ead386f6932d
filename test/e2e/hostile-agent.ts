import { defineAgent } from "../../agents/shared/agent-function.ts";
import type { ReplyPartInput } from "../../src/envelope/reply.ts";
import { SCRIPT_PAYLOADS } from "./script-payloads.ts";

/** Says one payload in every place of a reply that shows words. */
const PARTS: readonly ((payload: string, id: string) => ReplyPartInput)[] = [
  (markdown) => ({ type: "text", markdown }),
  (payload, id) => ({ type: "tool_call", toolCallId: id, name: "look", title: payload.slice(0, 200), input: payload }),
  (payload, id) => ({ type: "tool_result", toolCallId: id, name: "look", outcome: "ok", output: payload }),
  (payload, id) => ({ type: "task_update", taskId: id, title: payload.slice(0, 200), state: "completed" }),
  (payload, id) => ({
    type: "artifact",
    artifactId: id,
    name: `${payload.replaceAll(/[\n/\\]/g, "").slice(0, 100)}.txt`,
    mediaType: "text/plain",
    base64: Buffer.from(payload).toString("base64"),
  }),
  (payload, id) => ({
    type: "approval_request",
    approvalId: id,
    prompt: payload,
    options: [{ id: "yes", label: payload.replaceAll("\n", " ").slice(0, 70), effect: "allow" }],
  }),
  (payload, id) => ({
    type: "input_request",
    inputId: id,
    prompt: payload,
    fields: [{ id: "f", label: payload.replaceAll("\n", " ").slice(0, 70), kind: "text", required: true }],
  }),
];

/** Asked for `payloads 50 75`, it says those, each as a text and in one more place. */
export default defineAgent(async function* hostile(request) {
  const [, from = "0", to = "0"] = /payloads (\d+) (\d+)/.exec(request.trigger.text) ?? [];
  for (let n = Number(from); n < Number(to); n += 1) {
    const payload = SCRIPT_PAYLOADS[n] ?? "";
    yield { type: "text", markdown: payload };
    yield PARTS[n % PARTS.length]?.(payload, `p${n}`) ?? "";
  }
  yield `said ${from} to ${to}`;
});
