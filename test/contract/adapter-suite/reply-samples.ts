import type { ReplyPart } from "../../../src/envelope/reply.ts";
import { partsOf } from "./probe.ts";

export const PNG = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);

/** One part of every type, with `words` in every place that a reader sees. */
export function everyPart(words: string): readonly ReplyPart[] {
  return partsOf([
    { type: "text", markdown: words },
    { type: "tool_call", toolCallId: "t1", name: "search", title: words.slice(0, 200), input: words },
    { type: "tool_result", toolCallId: "t1", name: "search", outcome: "ok", output: words },
    { type: "task_update", taskId: "k1", title: words.slice(0, 200), state: "in_progress", detail: words },
    {
      type: "approval_request",
      approvalId: "a1",
      prompt: words,
      subject: words,
      options: [
        { id: "yes", label: words.slice(0, 60) || "yes", effect: "allow" },
        { id: "no", label: "No", effect: "deny" },
      ],
    },
    {
      type: "input_request",
      inputId: "i1",
      prompt: words,
      fields: [{ id: "f1", label: words.slice(0, 100) || "field", kind: "text", required: true }],
    },
    {
      type: "artifact",
      artifactId: "x1",
      name: words.slice(0, 100),
      mediaType: "image/png",
      base64: PNG.toString("base64"),
    },
    { type: "error", code: "E1", message: words },
    { type: "handoff", agent: "assistant", note: words },
  ]);
}

/** Parts at the ends of what the reply schema allows. */
export function extremeReplies(): readonly (readonly ReplyPart[])[] {
  const long = (chars: number): string => "lorem ipsum ".repeat(Math.ceil(chars / 12)).slice(0, chars);
  return [
    partsOf(Array.from({ length: 50 }, (_, index) => ({ type: "text" as const, markdown: `${index} ${long(1_500)}` }))),
    partsOf(
      Array.from({ length: 50 }, (_, index) => ({
        type: "tool_result" as const,
        toolCallId: `t${index}`,
        name: long(256),
        outcome: "error" as const,
        output: long(4_000),
      })),
    ),
    partsOf(
      Array.from({ length: 50 }, (_, index) => ({
        type: "task_update" as const,
        taskId: `k${index}`,
        title: long(256),
        state: "failed" as const,
        detail: long(4_000),
      })),
    ),
    partsOf([
      {
        type: "approval_request",
        approvalId: "a".repeat(128),
        prompt: long(20_000),
        subject: long(20_000),
        options: Array.from({ length: 10 }, (_, index) => ({ id: `${index}`.padStart(64, "o"), label: long(75) })),
      },
      {
        type: "input_request",
        inputId: "i".repeat(128),
        prompt: long(20_000),
        fields: Array.from({ length: 20 }, (_, index) => ({
          id: `${index}`.padStart(64, "f"),
          label: long(150),
          kind: "choice" as const,
          options: Array.from({ length: 100 }, (_unused, option) => ({ id: `c${option}`, label: long(75) })),
        })),
      },
      { type: "error", code: "E".repeat(64), message: long(20_000) },
      { type: "handoff", agent: "assistant", note: long(20_000) },
    ]),
  ];
}

/** Texts of about `chars` characters that are hard to cut: each a different trap. */
export function longTexts(chars: number): Readonly<Record<string, string>> {
  const words = Array.from({ length: Math.ceil(chars / 8) }, (_, index) => `w${String(index).padStart(6, "0")}`);
  const lines = Array.from({ length: Math.ceil(chars / 9) }, (_, index) => `line${String(index).padStart(4, "0")}`);
  return {
    "words in one paragraph": words.join(" ").slice(0, chars),
    "one word": "x".repeat(chars),
    "signs of two units": "🌍".repeat(Math.ceil(chars / 2)),
    "short paragraphs": words.join("\n\n").slice(0, chars),
    "a list": lines
      .map((line) => `- ${line}`)
      .join("\n")
      .slice(0, chars),
    "a fence": `\`\`\`\n${lines.join("\n").slice(0, chars)}\n\`\`\``,
  };
}
