import type { ReplyPartInput } from "../../../src/envelope/reply.ts";
import { PNG } from "./reply-samples.ts";

/** Makes words that occur nowhere else, one per call. */
type Words = () => string;

const choice = (id: string, label: string) => ({ id, label, effect: "allow" as const });

/** One part each of what platforms differ in, with own words in every place that a reader would see. */
export const LOSS_SAMPLES = {
  prose: (words) => text(`**${words()}** and _${words()}_ and ~~${words()}~~ and \`${words()}\` of ${words()}.`),
  list: (words) => text(`- ${words()}\n- ${words()}\n\n1. ${words()}\n2. ${words()}`),
  fence: (words) => text(`\`\`\`js\n${words()}\n\`\`\``),
  quote: (words) => text(`> ${words()}`),
  table: (words) => text(`| ${words()} | ${words()} |\n| - | - |\n| ${words()} | ${words()} |`),
  heading: (words) => text(`# ${words()}`),
  "heading of level 4": (words) => text(`#### ${words()}`),
  "list in lists": (words) => text(`- ${words()}\n  - ${words()}\n    - ${words()}`),
  rule: (words) => text(`${words()}\n\n---\n\n${words()}`),
  "task list": (words) => text(`- [x] ${words()}\n- [ ] ${words()}`),
  picture: (words) => text(`![${words()}](https://example.org/${words()}.png)`),
  html: (words) => text(`<details><summary>${words()}</summary>${words()}</details>`),
  footnote: (words) => text(`${words()}[^1]\n\n[^1]: ${words()}`),
  "line like a definition": (words) => text(`[${words()}]: ${words()}`),
  "link by reference": (words) => text(`[${words()}][1]\n\n[1]: https://example.org/${words()}`),
  "link to anywhere": (words) => text(`[${words()}](https://example.org/${words()})`),
  "tool call": (words) => ({
    type: "tool_call",
    toolCallId: "t1",
    // Where there is a title, it stands for the name.
    name: "search",
    title: words(),
    input: words(),
  }),
  "tool result": (words) => ({
    type: "tool_result",
    toolCallId: "t1",
    name: words(),
    outcome: "ok",
    output: words(),
  }),
  task: (words) => ({ type: "task_update", taskId: "k1", title: words(), state: "in_progress", detail: words() }),
  approval: (words) => ({
    type: "approval_request",
    approvalId: "a1",
    prompt: words(),
    subject: words(),
    options: [choice("yes", words()), { ...choice("no", words()), effect: "deny" }],
  }),
  // The options of a choice are read where the form is filled in.
  form: (words) => ({
    type: "input_request",
    inputId: "i1",
    prompt: words(),
    fields: [
      { id: "f1", label: words(), kind: "text" },
      { id: "f2", label: words(), kind: "choice", options: [choice("a", "A"), choice("b", "B")] },
    ],
  }),
  "form of 8 fields": (words) => ({
    type: "input_request",
    inputId: "i1",
    prompt: words(),
    fields: Array.from({ length: 8 }, (_, index) => ({ id: `f${index}`, label: words(), kind: "text" as const })),
  }),
  file: (words) => ({
    type: "artifact",
    artifactId: "x1",
    name: `${words()}.png`,
    mediaType: "image/png",
    base64: PNG.toString("base64"),
  }),
  error: (words) => ({ type: "error", code: "E1", message: words() }),
  handoff: (words) => ({ type: "handoff", agent: "assistant", note: words() }),
} as const satisfies Record<string, (words: Words) => ReplyPartInput>;

export type LossSample = keyof typeof LOSS_SAMPLES;

function text(markdown: string): ReplyPartInput {
  return { type: "text", markdown };
}
