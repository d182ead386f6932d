import { describe, expect, test } from "vitest";
import { findLosses, type PlatformGaps } from "../../../adapters/shared/losses.ts";
import { prepareReply } from "../../../adapters/shared/prepared-reply.ts";
import { ReplyPart, type ReplyPartInput } from "../../../src/envelope/reply.ts";

const GAPS: PlatformGaps = {
  markdown: {
    table: "a code block",
    headings: { levels: 3, shownAs: "bold text" },
    nestedLists: { levels: 2, shownAs: "one level less" },
    image: "a link",
    html: "text",
    footnote: "text",
    taskList: "signs",
    rule: "a line",
    link: (url) => (url.includes("evil") ? "code" : undefined),
  },
  toolDetails: "left out",
  line: { maxChars: 20, shownAs: "its beginning" },
  approval: (part) => (part.options.length > 2 ? { what: "more than 2 buttons", shownAs: "words" } : undefined),
  inputRequest: (part) => (part.fields.length > 1 ? { what: "more than 1 field", shownAs: "words" } : undefined),
  artifact: (_part, bytes) => (bytes > 3 ? { what: `file of ${bytes} bytes`, shownAs: "its name" } : undefined),
};
const of = (...parts: ReplyPartInput[]) =>
  findLosses(
    parts.map((part) => ReplyPart.parse(part)),
    GAPS,
  ).map(({ part, what }) => `${part}: ${what}`);
const text = (markdown: string): ReplyPartInput => ({ type: "text", markdown });

describe("losses of a text", () => {
  test.each([
    ["plain **bold** [x](https://fine.example)\n\n- a\n  - b\n\n```js\n| a |\n```", []],
    ["| a |\n|---|\n| b |", ["table"]],
    ["### three\n\n#### four\n\n#### four again\n\n##### five", ["heading of level 4", "heading of level 5"]],
    ["- a\n  - b\n    - c\n      - d", ["list inside 3 lists"]],
    ["![a](https://x.example/p.png)", ["image by its address"]],
    ["a <b>bold</b> word", ["HTML"]],
    ["a[^1]\n\n[^1]: note", ["footnote"]],
    ["- [x] done", ["task list"]],
    ["a\n\n---\n\nb", ["horizontal rule"]],
    ["[x](https://evil.example) [y][1]\n\n[1]: https://evil.example", ["link"]],
    ["[y][1]\n\n[1]: https://fine.example", []],
  ])("%j", (markdown, expected) => {
    expect(of(text(markdown))).toEqual(expected.map((what) => `0: ${what}`));
  });
});

describe("losses of the other parts", () => {
  test("name the part and nothing that fits", () => {
    const option = (id: string) => ({ id, label: id });
    const field = (id: string) => ({ id, label: id, kind: "text" as const });
    expect(
      of(
        text("fine"),
        { type: "status", text: "working" },
        { type: "tool_call", toolCallId: "t", name: "search", input: "words" },
        { type: "tool_result", toolCallId: "t", name: "search", outcome: "ok" },
        { type: "tool_result", toolCallId: "u", name: "search", outcome: "ok", output: "words" },
        { type: "approval_request", approvalId: "a", prompt: "?", options: [option("y"), option("n")] },
        { type: "approval_request", approvalId: "b", prompt: "?", options: [option("y"), option("n"), option("m")] },
        { type: "input_request", inputId: "i", prompt: "# ok\n\n#### four", fields: [field("a"), field("b")] },
        { type: "artifact", artifactId: "f", name: "a", mediaType: "text/plain", base64: "YWJj" },
        { type: "artifact", artifactId: "g", name: "a", mediaType: "text/plain", base64: "YWJjZA==" },
        { type: "task_update", taskId: "k", title: "x".repeat(30), state: "pending" },
        { type: "handoff", agent: "guide", note: "x".repeat(30) },
      ),
    ).toEqual([
      "1: status",
      "2: input of a tool",
      "4: output of a tool",
      "6: more than 2 buttons",
      "7: more than 1 field",
      "7: heading of level 4",
      "9: file of 4 bytes",
      "10: line of 31 characters",
      "11: line of 30 characters",
    ]);
  });

  test("of a status alone are none: it is what is shown", () => {
    expect(of({ type: "status", text: "one" }, text("  "), { type: "status", text: "two" })).toEqual(["0: status"]);
  });
});

describe("long texts", () => {
  const limits = { maxPostedChars: 1_000, headChars: 40 };
  const parse = (...parts: ReplyPartInput[]) => parts.map((part) => ReplyPart.parse(part));

  test("go as files, the longest first, until the rest may be posted", () => {
    const parts = parse(text("short"), text("a ".repeat(400)), text("b ".repeat(450)));
    const { parts: shown, asFiles, originals } = prepareReply(parts, limits);
    expect([...asFiles]).toEqual([2]);
    expect(originals).toEqual([0, 1, 2, 2]);
    expect(shown.map((part) => part.type)).toEqual(["text", "text", "text", "artifact"]);
    const file = shown[3];
    if (file?.type !== "artifact") throw new Error("no file");
    expect(Buffer.from(file.base64, "base64").toString("utf8")).toBe("b ".repeat(450));
    expect(ReplyPart.safeParse(file).success).toBe(true);
    expect(shown[2]).toMatchObject({ markdown: expect.stringContaining("answer.md") });
  });

  test("that may be posted stay as they are", () => {
    const parts = parse(text("a".repeat(500)), text("b".repeat(500)));
    expect(prepareReply(parts, limits).parts).toEqual(parts);
  });

  test.each([
    ["a first paragraph\n\nand more", "a first paragraph"],
    ["words ".repeat(20), "words words words words words words…"],
    ["Intro:\n```js\nlet a;\n```", "Intro:"],
    ["```js\nlet a;\n```", "…"],
    ["| a |\n|---|\n| b |", "…"],
    ["🙂".repeat(40), `${"🙂".repeat(20)}…`],
    [`x${"🙂".repeat(40)}`, `x${"🙂".repeat(19)}…`],
  ])("are introduced by what stands alone: %j", (markdown, head) => {
    const { parts: shown } = prepareReply(parse(text(`${markdown}\n\n${"x".repeat(2_000)}`)), limits);
    expect(shown[0]).toMatchObject({ markdown: `${head}\n\n(The whole text is in answer.md.)` });
  });
});
