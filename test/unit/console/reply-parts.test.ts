import { describe, expect, it } from "vitest";
import type { WebPart } from "../../../src/console/api/parts.ts";
import { groupParts } from "../../../src/console/parts/group-parts.ts";
import { codeFromPaste } from "../../../src/console/sign-in/take-code.ts";

describe("groupParts", () => {
  it("joins calls with their results, and keeps a result whose call is missing", () => {
    const groups = groupParts([
      { type: "tool_call", toolCallId: "1", name: "search" },
      { type: "text", markdown: "between" },
      { type: "tool_result", toolCallId: "1", name: "search", outcome: "ok" },
      { type: "tool_result", toolCallId: "2", name: "read", outcome: "error" },
    ]);
    expect(groups).toMatchObject([
      { kind: "tool", call: { toolCallId: "1" }, result: { outcome: "ok" } },
      { kind: "part", part: { type: "text" } },
      { kind: "tool", call: undefined, result: { toolCallId: "2" } },
    ]);
  });

  it("makes one checklist of the newest states, at the place of the first update", () => {
    const task = (taskId: string, state: "pending" | "completed"): WebPart => ({
      type: "task_update",
      taskId,
      title: taskId,
      state,
    });
    const groups = groupParts([
      task("a", "pending"),
      { type: "text", markdown: "x" },
      task("b", "pending"),
      task("a", "completed"),
    ]);
    expect(groups.map((group) => group.kind)).toEqual(["tasks", "part"]);
    expect(groups[0]).toMatchObject({
      tasks: [
        { taskId: "a", state: "completed" },
        { taskId: "b", state: "pending" },
      ],
    });
  });

  it("keeps the last status alone", () => {
    const groups = groupParts([
      { type: "status", text: "one" },
      { type: "status", text: "two" },
    ]);
    expect(groups).toMatchObject([{ part: { text: "two" } }]);
  });
});

describe("codeFromPaste", () => {
  it.each([
    "abcdefghijklmnop",
    " abcdefghijklmnop\n",
    "#code=abcdefghijklmnop",
    "http://127.0.0.1:7717/sign-in#code=abcdefghijklmnop",
  ])("finds the code in %j", (pasted) => {
    expect(codeFromPaste(pasted)).toBe("abcdefghijklmnop");
  });
});
